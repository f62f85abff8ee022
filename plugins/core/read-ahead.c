/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read-ahead.h"

#include <errno.h>
#include <unistd.h>

#include "bytecopy.h"
#include "workers.h"

/* one that the caller has, one that is being read, and one between them */
#define N_PIECES 3

typedef struct
{
  SeqJob job;
  guint8 *bytes;
  guint64 offset;
  gssize n;
} Piece;

struct _SeqReadAhead
{
  int fd;
  gsize size;                   /* of a piece */
  guint64 offset;               /* behind the last piece that was asked for */
  guint64 at;                   /* behind the one that was given out last */
  guint8 *bytes;                /* of all pieces */
  Piece pieces[N_PIECES];       /* a ring */
  guint next;                   /* the one that is given out next */
  SeqWorkers *workers;
};

gssize
seq_read_at (int fd, guint8 * buffer, gsize size, guint64 offset)
{
  gsize n = 0;
  gssize ret = 1;

  while (n < size && ret != 0) {
    ret = pread (fd, buffer + n, size - n, offset + n);
    if (ret < 0 && errno != EINTR)
      return -1;
    n += MAX (ret, 0);
  }
  return n;
}

static void
read_func (SeqJob * job, gpointer data)
{
  SeqReadAhead *self = data;
  Piece *piece = (Piece *) job;

  piece->n = seq_read_at (self->fd, piece->bytes, self->size, piece->offset);
}

static void
ask_for_next (SeqReadAhead * self, Piece * piece)
{
  piece->offset = self->offset;
  self->offset += self->size;
  seq_workers_add (self->workers, &piece->job);
}

SeqReadAhead *
seq_read_ahead_new (int fd, guint64 offset, gsize size)
{
  /* bytes stand as far behind the start of a page as in the file, if a piece is whole pages */
  const gsize shift = offset % SEQ_PAGE;
  SeqReadAhead *self;
  guint8 *bytes = NULL;

  if (size <= (G_MAXSIZE - shift) / N_PIECES)
    bytes = seq_read_buffer_new (N_PIECES * size + shift);
  if (bytes == NULL)
    return NULL;
  self = g_new0 (SeqReadAhead, 1);
  self->fd = fd;
  self->size = size;
  self->offset = self->at = offset;
  self->bytes = bytes;
  self->workers = seq_workers_new (1, read_func, self);
  for (guint i = 0; i < N_PIECES; i++) {
    self->pieces[i].bytes = bytes + shift + i * size;
    if (i < N_PIECES - 1)
      ask_for_next (self, &self->pieces[i]);
  }
  return self;
}

void
seq_read_ahead_free (SeqReadAhead * self)
{
  /* all but the one that the caller has are asked for */
  for (guint i = 0; i < N_PIECES - 1; i++)
    seq_workers_wait (self->workers, &self->pieces[(self->next + i) % N_PIECES].job);
  seq_workers_free (self->workers);
  free (self->bytes);
  g_free (self);
}

const guint8 *
seq_read_ahead_next (SeqReadAhead * self, gssize * n)
{
  Piece *piece = &self->pieces[self->next];

  /* the one that the caller had is free now */
  ask_for_next (self, &self->pieces[(self->next + N_PIECES - 1) % N_PIECES]);
  seq_workers_wait (self->workers, &piece->job);
  if (piece->offset != self->at) {
    /* the file ended in the piece before, but it may have grown since */
    piece->offset = self->at;
    read_func (&piece->job, self);
  }
  self->at += MAX (piece->n, 0);
  self->next = (self->next + 1) % N_PIECES;
  *n = piece->n;
  return piece->bytes;
}
