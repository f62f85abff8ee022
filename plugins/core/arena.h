/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Memory that is used again. The first touch of a fresh page costs more than all the work that is
 * done in it, and malloc gives large pieces back to the system each time; so the memory of batches
 * is kept here between uses.
 *
 * Sizes are rounded up to classes, four to each power of two, so that batches of about the same
 * size share their memory. Pools and arenas may be used from any thread. An arena keeps its pool
 * alive.
 *
 * What fits into a processor's own cache goes to the thread that had it before, if it is free:
 * acquire an arena where it is written. To write what another processor wrote last takes twice as
 * long. So each thread has some of its own in the end. */

typedef struct _SeqArenaPool SeqArenaPool;
typedef struct _SeqArena SeqArena;

struct _SeqArena
{
  guint8 *data;                 /* aligned to SEQ_ARENA_ALIGNMENT; contents undefined */
  gsize capacity;               /* at least what was asked for */
  gpointer companion;           /* of whoever uses it: what is used again together with the arena;
                                 * NULL of a new one */
  GDestroyNotify companion_free;        /* called where the pool frees the arena */

  /*< private >*/
  SeqArenaPool *pool;
  GThread *user;                /* who acquired it last; compared only */
  GList link;
};

#define SEQ_ARENA_ALIGNMENT 128

/* `max_free`: bytes that are kept for reuse at most. */
SeqArenaPool *seq_arena_pool_new (gsize max_free);
void seq_arena_pool_unref (SeqArenaPool * pool);

/* NULL when the system has no memory. */
SeqArena *seq_arena_acquire (SeqArenaPool * pool, gsize size);
void seq_arena_release (SeqArena * arena);

G_END_DECLS
