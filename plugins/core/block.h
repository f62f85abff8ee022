/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/seq/record.h>

G_BEGIN_DECLS

/* A block: the bytes of some thousand records and their table, in memory that is recycled.
 *
 * Fresh memory is the hidden cost of reading (the kernel zeroes every page at its first touch),
 * so blocks come from a pool: the bytes lie in an arena of huge pages where the kernel has them, or
 * in half of one, and go back to the pool with the last reference. Blocks and pools are
 * reference-counted and thread-safe; a block keeps its pool alive, so it may outlive whoever made
 * the pool. What a block holds is changed only by the one who acquired it, before it shares it. */

typedef struct _SeqBlockPool SeqBlockPool;
typedef struct _SeqBlock SeqBlock;
typedef struct _SeqBlockArena SeqBlockArena;

/* Readable and writable bytes behind the capacity, so that copying loops may work in steps of up
 * to 64 bytes and write past the end of what they copy. */
#define SEQ_BLOCK_SLACK 64

struct _SeqBlock
{
  guint8 *data;
  gsize size;                   /* bytes in use */
  gsize capacity;               /* bytes there, slack not counted */
  GstSeqRecord *records;
  guint n_records;
  guint records_capacity;

  /*< private >*/
  gint refs;
  SeqBlockArena *arena;         /* NULL: memory of its own size */
  gsize mapped;                 /* bytes of the arena that are this block's */
  GThread *toucher;             /* of half an arena that nobody has had yet: who has touched it */
  GList link;                   /* among the free ones */
  gboolean is_free;
  GstSeqRecord *table;          /* `records`, or NULL where they lie behind `capacity` */
  SeqBlockPool *pool;
};

/* `capacity`: bytes of a fresh block, which takes half a huge page or whole ones; `max_free`: blocks
 * that are kept for reuse at most, or as many bytes of such as have grown for long records, but for
 * halves of pages of which the other half is in use. */
SeqBlockPool *seq_block_pool_new (gsize capacity, guint max_free);
SeqBlockPool *seq_block_pool_ref (SeqBlockPool * pool);
void seq_block_pool_unref (SeqBlockPool * pool);

/* Bytes of a fresh block, of which its table may take some once it is finished; 0 where there can be
 * none. */
gsize seq_block_pool_get_room (SeqBlockPool * pool);

/* An empty block, with the pool's capacity or more; NULL when the system has no memory. */
SeqBlock *seq_block_pool_acquire (SeqBlockPool * pool);

/* Maps memory for so many blocks ahead, and for the tables of those that are being filled at a time,
 * as far as the pool keeps that many and the system has it; next to nothing is touched yet. Before
 * threads start that share the pool: while one of them maps memory, the others sleep over their
 * first touches of their own. */
void seq_block_pool_fill (SeqBlockPool * pool, guint n_blocks, guint n_tables);

SeqBlock *seq_block_ref (SeqBlock * block);
void seq_block_unref (SeqBlock * block);

/* Gives the block room for `capacity` bytes in all; its first `size` bytes are kept, and what lies
 * behind them may be lost. FALSE when the system has no memory; the block is unchanged then. Only for
 * a block that nobody shares. */
gboolean seq_block_grow (SeqBlock * block, gsize capacity);

/* Gives back what a block that has grown has behind the bytes in use. Only for a block that nobody
 * shares. */
void seq_block_trim (SeqBlock * block);

/* Room for one more entry in the table. The entry is not set and not counted yet. NULL when the
 * system has no memory; the block is unchanged then. */
GstSeqRecord *seq_block_reserve_record (SeqBlock * block);

/* Before a block is shared, when nothing will be added to it. Takes the block and returns what is
 * to be shared: the same with its table at the end of its arena, where there is room for it; or,
 * where it fills less than half of its arena, a copy in memory of its own size. So blocks that are
 * held take little more than their file, however small they are. */
SeqBlock *seq_block_finish (SeqBlock * block);

G_END_DECLS
