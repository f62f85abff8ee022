/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sort-window.h"

#include <string.h>

#include "workers.h"

/* Records lie at random in the input, so a plain loop would wait for memory at each. Table entries
 * are asked for by the chunk, the bytes some records ahead; the first lines of a record are
 * enough, then the processor sees the run by itself. */
#define CHUNK 64
#define RECORDS_AHEAD 6
#define LINE 64
#define LINES_AHEAD 8

/* Every 2^INDEX_SHIFT-th record's part is noted, to find that of any record. */
#define INDEX_SHIFT 6

/* Lengths are counted, instead of sorting keys, if the longest is no more than this, or than so many
 * times the number of records. */
#define COUNTED_LENGTHS 65536
#define COUNTED_PER_RECORD 2

/* Bytes for which waking another thread pays; and threads, beside the caller's, that the memory can
 * keep busy. */
#define LEAST_SHARED ((gsize) 256 << 10)
#define MAX_THREADS 3

/* A part holds the records from `first` to `end` in order of arrival. */
typedef struct
{
  SeqSortPart part;
  gsize first;
  gsize end;
  gsize left;                   /* not copied yet */
} Part;

typedef struct
{
  Part *part;
  GstSeqRecord record;
} Source;

/* A run of the planned records that one thread copies */
typedef struct
{
  SeqJob job;
  const Source *sources;
  gsize n;
  guint8 *out;
  gsize fill;                   /* where in `out` it begins */
  GstSeqRecord *table;
} Copy;

struct _SeqSortWindow
{
  gsize n_records;
  gboolean in_id_order;         /* as they came */
  guint64 last_id;
  guint32 longest;
  guint32 *order;               /* numbers of records, sorted */
  GArray *parts;                /* Part */
  GArray *index;                /* guint32: number of the part of records 0, 64, 128, … */
  guint64 held;

  gsize n_done;                 /* copied */
  Source *sources;              /* planned */
  gsize n_sources;
  gsize n_sources_room;
  gsize size;                   /* bytes of the planned records */

  SeqWorkers *workers;          /* made when first needed */
  Copy copies[MAX_THREADS + 1];
  guint n_copies;
};

SeqSortWindow *
seq_sort_window_new (void)
{
  SeqSortWindow *self = g_new0 (SeqSortWindow, 1);

  self->parts = g_array_new (FALSE, FALSE, sizeof (Part));
  self->index = g_array_new (FALSE, FALSE, sizeof (guint32));
  self->n_copies = MIN (g_get_num_processors (), MAX_THREADS + 1);
  return self;
}

void
seq_sort_window_free (SeqSortWindow * self)
{
  seq_sort_window_clear (self, FALSE);
  g_array_unref (self->parts);
  g_array_unref (self->index);
  g_clear_pointer (&self->workers, seq_workers_free);
  g_free (self);
}

static void
release_part (SeqSortWindow * self, Part * part)
{
  if (!part->part.owner)
    return;
  self->held -= part->part.held;
  part->part.release (g_steal_pointer (&part->part.owner));
}

void
seq_sort_window_clear (SeqSortWindow * self, gboolean keep_room)
{
  for (guint i = 0; i < self->parts->len; i++)
    release_part (self, &g_array_index (self->parts, Part, i));
  g_array_set_size (self->parts, 0);
  g_array_set_size (self->index, 0);
  g_clear_pointer (&self->order, g_free);
  self->n_records = self->n_done = self->n_sources = 0;
  if (!keep_room) {
    g_clear_pointer (&self->sources, g_free);
    self->n_sources_room = 0;
  }
}

gsize
seq_sort_window_get_n_records (SeqSortWindow * self)
{
  return self->n_records;
}

guint64
seq_sort_window_get_held (SeqSortWindow * self)
{
  return self->held + (guint64) self->n_records * SEQ_SORT_WINDOW_RECORD_COST;
}

void
seq_sort_window_add (SeqSortWindow * self, const SeqSortPart * source)
{
  Part part = { *source, self->n_records, self->n_records + source->n_records, source->n_records };
  guint32 number = self->parts->len;

  self->held += source->held;
  g_array_append_val (self->parts, part);
  while (((gsize) self->index->len << INDEX_SHIFT) < part.end)
    g_array_append_val (self->index, number);

  if (self->n_records == 0) {
    self->in_id_order = TRUE;
    self->last_id = 0;
    self->longest = 0;
  }
  for (gsize i = 0; i < source->n_records; i++) {
    self->in_id_order &= source->records[i].id >= self->last_id;
    self->last_id = source->records[i].id;
    self->longest = MAX (self->longest, source->records[i].seq_len);
  }
  self->n_records = part.end;
}

/* Sorts by length what came in the order of ids: a record's place is the number of those before it.
 * Works on nothing but lengths, and takes a quarter of the memory of keys. */
static gboolean
order_by_counting (SeqSortWindow * self, gboolean descending)
{
  const gsize n_lengths = (gsize) self->longest + 1;
  guint32 *places = g_try_new0 (guint32, n_lengths), location = 0, sum = 0;

  self->order = g_try_new (guint32, self->n_records);
  if (!places || !self->order) {
    g_free (places);
    g_clear_pointer (&self->order, g_free);
    return FALSE;
  }
  for (guint p = 0; p < self->parts->len; p++) {
    const SeqSortPart *part = &g_array_index (self->parts, Part, p).part;

    for (gsize i = 0; i < part->n_records; i++)
      places[part->records[i].seq_len]++;
  }
  for (gsize i = 0; i < n_lengths; i++) {
    guint32 *place = &places[descending ? n_lengths - 1 - i : i], count = *place;

    *place = sum;
    sum += count;
  }
  for (guint p = 0; p < self->parts->len; p++) {
    const SeqSortPart *part = &g_array_index (self->parts, Part, p).part;

    for (gsize i = 0; i < part->n_records; i++)
      self->order[places[part->records[i].seq_len]++] = location++;
  }
  g_free (places);
  return TRUE;
}

static gboolean
order_by_keys (SeqSortWindow * self, SeqSortOrder order, guint64 seed, gsize group)
{
  SeqSortKey *keys = g_try_new (SeqSortKey, self->n_records);
  SeqSortKey *scratch = g_try_new (SeqSortKey, self->n_records), *sorted;
  gsize n = 0;

  if (!keys || !scratch) {
    g_free (keys);
    g_free (scratch);
    return FALSE;
  }
  for (guint p = 0; p < self->parts->len; p++) {
    const SeqSortPart *part = &g_array_index (self->parts, Part, p).part;

    for (gsize i = 0; i < part->n_records; i++, n++)
      keys[n] = (SeqSortKey) { part->records[i].id, part->records[i].seq_len, n };
  }
  sorted = seq_length_sort (keys, scratch, n, order, seed, group);
  /* what was sorted from is free now, and large enough */
  self->order = (guint32 *) (sorted == keys ? scratch : keys);
  for (gsize i = 0; i < n; i++)
    self->order[i] = sorted[i].location;
  g_free (sorted);
  self->order = g_realloc_n (self->order, n, sizeof (guint32));
  return TRUE;
}

gboolean
seq_sort_window_sort (SeqSortWindow * self, SeqSortOrder order, guint64 seed, gsize group)
{
  gboolean by_length = order == SEQ_SORT_ASCENDING || order == SEQ_SORT_DESCENDING;

  if (self->n_records == 0)
    return TRUE;
  if (by_length && self->in_id_order &&
      self->longest <= MAX (COUNTED_LENGTHS, COUNTED_PER_RECORD * self->n_records))
    return order_by_counting (self, order == SEQ_SORT_DESCENDING);
  return order_by_keys (self, order, seed, group);
}

static inline Part *
find_part (SeqSortWindow * self, guint32 location)
{
  Part *part = &g_array_index (self->parts, Part,
      g_array_index (self->index, guint32, location >> INDEX_SHIFT));

  while (location >= part->end)
    part++;
  return part;
}

static void
reserve_sources (SeqSortWindow * self, gsize n)
{
  if (n <= self->n_sources_room)
    return;
  g_free (self->sources);
  self->sources = g_new (Source, n);
  self->n_sources_room = n;
}

gsize
seq_sort_window_plan (SeqSortWindow * self, gsize max_bytes, gsize max_records, gsize * block_size)
{
  const guint32 *order = self->order + self->n_done;
  const GstSeqRecord *entries[CHUNK];
  gsize n = MIN (max_records, self->n_records - self->n_done), count = 0, bytes = 0;

  reserve_sources (self, n);
  while (count < n) {
    gsize chunk = MIN (CHUNK, n - count), taken;

    for (gsize i = 0; i < chunk; i++) {
      guint32 location = order[count + i];
      Part *part = find_part (self, location);

      self->sources[count + i].part = part;
      entries[i] = part->part.records + (location - part->first);
      __builtin_prefetch (entries[i]);
    }
    for (taken = 0; taken < chunk; taken++) {
      /* a sum that a gsize can't hold is refused like one that a table can't hold */
      gsize size = MIN (seq_record_size (entries[taken]), G_MAXSIZE);

      if (count + taken > 0 && (bytes > max_bytes || size > max_bytes - bytes))
        break;
      self->sources[count + taken].record = *entries[taken];
      bytes += size;
    }
    count += taken;
    if (taken < chunk)
      break;
  }
  self->n_sources = count;
  *block_size = self->size = bytes;
  return count;
}

const GstSeqRecord *
seq_sort_window_peek (SeqSortWindow * self, gsize index, const guint8 ** bytes)
{
  *bytes = self->sources[index].part->part.bytes;
  return &self->sources[index].record;
}

static inline void
prefetch_range (const guint8 * bytes, guint32 offset, guint32 length)
{
  for (gsize i = 0; i < MIN (length, LINES_AHEAD * LINE); i += LINE)
    __builtin_prefetch (bytes + offset + i);
}

static inline void
prefetch_source (const Source * source)
{
  const guint8 *bytes = source->part->part.bytes;
  const GstSeqRecord *record = &source->record;

  prefetch_range (bytes, record->name, MIN (record->name_len, LINE));
  prefetch_range (bytes, record->seq, record->seq_len);
  if (record->qual != GST_SEQ_NO_QUALITY)
    prefetch_range (bytes, record->qual, record->seq_len);
}

static inline guint32
append_bytes (guint8 * out, gsize * fill, const guint8 * bytes, guint32 offset, guint32 length)
{
  guint32 at = *fill;

  /* a block of empty records may have no bytes to point into */
  if (length > 0)
    memcpy (out + at, bytes + offset, length);
  *fill += length;
  return at;
}

static void
copy_func (SeqJob * job, gpointer data)
{
  const Copy *copy = (const Copy *) job;
  const Source *sources = copy->sources;
  gsize fill = copy->fill;

  for (gsize i = 0; i < MIN (copy->n, RECORDS_AHEAD); i++)
    prefetch_source (&sources[i]);
  for (gsize i = 0; i < copy->n; i++) {
    const guint8 *bytes = sources[i].part->part.bytes;
    GstSeqRecord record = sources[i].record;

    if (i + RECORDS_AHEAD < copy->n)
      prefetch_source (&sources[i + RECORDS_AHEAD]);
    record.name = append_bytes (copy->out, &fill, bytes, record.name, record.name_len);
    record.seq = append_bytes (copy->out, &fill, bytes, record.seq, record.seq_len);
    if (record.qual != GST_SEQ_NO_QUALITY)
      record.qual = append_bytes (copy->out, &fill, bytes, record.qual, record.seq_len);
    copy->table[i] = record;
  }
}

/* Cuts the planned records into runs of about the same size. Returns how many. */
static guint
share_out (SeqSortWindow * self, guint8 * out, GstSeqRecord * table)
{
  gsize share = MAX (self->size / self->n_copies + 1, LEAST_SHARED), fill = 0;
  guint n = 0;

  for (gsize i = 0; i < self->n_sources; i++) {
    if (n == 0 || fill >= n * share)
      self->copies[n++] = (Copy) { .sources = &self->sources[i], .out = out, .fill = fill,
        .table = table + i
      };
    self->copies[n - 1].n++;
    fill += seq_record_size (&self->sources[i].record);
  }
  return n;
}

void
seq_sort_window_copy (SeqSortWindow * self, guint8 * out, GstSeqRecord * table)
{
  guint n = share_out (self, out, table);

  if (n > 1 && self->workers == NULL)
    self->workers = seq_workers_new (self->n_copies - 1, copy_func, NULL);
  for (guint i = 1; i < n; i++)
    seq_workers_add (self->workers, &self->copies[i].job);
  if (n > 0)
    copy_func (&self->copies[0].job, NULL);
  for (guint i = 1; i < n; i++)
    seq_workers_wait (self->workers, &self->copies[i].job);
  seq_sort_window_skip (self);
}

void
seq_sort_window_skip (SeqSortWindow * self)
{
  for (gsize i = 0; i < self->n_sources; i++)
    if (--self->sources[i].part->left == 0)
      release_part (self, self->sources[i].part);
  self->n_done += self->n_sources;
  self->n_sources = 0;
}
