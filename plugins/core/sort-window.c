/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sort-window.h"

#include <string.h>

#include "huge-page.h"

/* Records lie at random in the input, so a plain loop would wait for memory at each. Table entries
 * are asked for by the chunk, the bytes some records ahead; the first lines of a record are
 * enough, then the processor sees the run by itself. */
#define CHUNK 64
#define RECORDS_AHEAD 6
#define LINE 64
#define LINES_AHEAD 8

/* To gcc 12 a function that only prefetches does nothing, so it drops the calls. What is inlined
 * before it looks stays. */
#define PREFETCHING inline __attribute__ ((always_inline))

/* Every 2^INDEX_SHIFT-th record's part is noted, to find that of any record. */
#define INDEX_SHIFT 6

/* Lengths are counted, instead of sorting keys, if the longest is no more than this, or than so
 * many times the number of records. */
#define COUNTED_LENGTHS 65536
#define COUNTED_PER_RECORD 2

/* Bytes of records from which on a block that is sorted as it is leaves uncopied. To copy fewer costs
 * less than what each block costs downstream. */
#define LEAST_UNCOPIED ((gsize) 64 << 10)

/* Bytes for which waking another thread pays; and threads, beside the caller's, that the memory can
 * keep busy. */
#define LEAST_SHARED ((gsize) 256 << 10)
#define MAX_THREADS 3

/* Shares for each thread, and bytes of one at least: whoever is awake copies more of them while the
 * others wake up. */
#define SHARES_PER_THREAD 8
#define LEAST_SHARE ((gsize) 64 << 10)

/* A part holds the records from `first` to `end` in order of arrival. */
typedef struct
{
  SeqSortPart part;
  gsize first;
  gsize end;
  gsize left;                   /* not copied yet */
} Part;

/* Sizes stand beside the order, so that blocks are cut without a look at each record, of which few
 * are in the cache. They are short ones: of records this long or longer the entry is looked at. */
#define LONG_SIZE G_MAXUINT16
#define ORDER_COST (sizeof (guint32) + sizeof (guint16))

/* A share: a run of the planned records that one thread copies */
typedef struct
{
  SeqJob job;
  const guint32 *order;
  gsize n;
  guint8 *out;
  gsize fill;                   /* where in `out` it begins */
  GstSeqRecord *table;
} Copy;

/* What a thread that helps does: takes shares until all have been begun. */
typedef struct
{
  SeqIdleJob job;
  SeqWorkers *workers;
} Call;

struct _SeqSortWindow
{
  gsize n_records;
  gboolean in_id_order;         /* as they came */
  guint64 last_id;
  guint32 longest;
  guint32 *order;               /* numbers of records in order of arrival, sorted */
  guint16 *sizes;               /* of the sorted records, behind `order` in its memory; LONG_SIZE at most */
  GArray *parts;                /* Part */
  GArray *index;                /* guint32: number of the part of records 0, 64, 128, … */
  guint64 held;

  gsize n_done;                 /* copied */
  gsize n_planned;
  gsize size;                   /* bytes of the planned records */

  SeqWorkers *workers;          /* made when first needed */
  guint n_threads;              /* the caller's, too, and one that helps */
  SeqIdleWork *idle_work;       /* may be NULL */
  Call call;                    /* for help */
  Copy copies[SHARES_PER_THREAD * (MAX_THREADS + 1)];
};

SeqSortWindow *
seq_sort_window_new (void)
{
  SeqSortWindow *self = g_new0 (SeqSortWindow, 1);

  self->parts = g_array_new (FALSE, FALSE, sizeof (Part));
  self->index = g_array_new (FALSE, FALSE, sizeof (guint32));
  self->n_threads = MIN (g_get_num_processors (), MAX_THREADS + 1);
  return self;
}

void
seq_sort_window_free (SeqSortWindow * self)
{
  seq_sort_window_clear (self);
  seq_sort_window_set_idle_work (self, NULL);
  g_array_unref (self->parts);
  g_array_unref (self->index);
  g_clear_pointer (&self->workers, seq_workers_free);
  g_free (self);
}

void
seq_sort_window_set_idle_work (SeqSortWindow * self, SeqIdleWork * work)
{
  SeqIdleWork *old = self->idle_work;

  if (work == old)
    return;
  self->idle_work = work ? seq_idle_work_ref (work) : NULL;
  g_clear_pointer (&old, seq_idle_work_unref);
  /* one thread more or less */
  g_clear_pointer (&self->workers, seq_workers_free);
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
seq_sort_window_clear (SeqSortWindow * self)
{
  for (guint i = 0; i < self->parts->len; i++)
    release_part (self, &g_array_index (self->parts, Part, i));
  g_array_set_size (self->parts, 0);
  g_array_set_size (self->index, 0);
  g_clear_pointer (&self->order, free);
  self->n_records = self->n_done = self->n_planned = 0;
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

/* Entries, one for each record, which are written in another order than that of the memory. Goes with
 * free(). */
static gpointer
try_alloc (SeqSortWindow * self, gsize size)
{
  gsize bytes;

  return g_size_checked_mul (&bytes, self->n_records, size) ? seq_huge_page_alloc (bytes, LINE) : NULL;
}

static inline void
set_place (SeqSortWindow * self, gsize place, guint32 location, const GstSeqRecord * record)
{
  self->order[place] = location;
  self->sizes[place] = MIN (seq_record_size (record), LONG_SIZE);
}

/* Sorts by length what came in the order of ids: a record's place is the number of those before it.
 * Works on nothing but sizes, and takes a fifth of the memory of keys. */
static gboolean
order_by_counting (SeqSortWindow * self, gboolean descending)
{
  const gsize n_lengths = (gsize) self->longest + 1;
  guint32 *places = g_try_new0 (guint32, n_lengths), location = 0, sum = 0;

  self->order = try_alloc (self, ORDER_COST);
  if (!places || !self->order) {
    g_free (places);
    g_clear_pointer (&self->order, free);
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
  self->sizes = (guint16 *) (self->order + self->n_records);
  for (guint p = 0; p < self->parts->len; p++) {
    const SeqSortPart *part = &g_array_index (self->parts, Part, p).part;

    for (gsize i = 0; i < part->n_records; i++, location++)
      set_place (self, places[part->records[i].seq_len]++, location, &part->records[i]);
  }
  g_free (places);
  return TRUE;
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

static inline const GstSeqRecord *
find_record (const Part * part, guint32 location)
{
  return part->part.records + (location - part->first);
}

/* Gives back what `order` and `sizes` don't need of the memory of keys. */
static void
return_rest (SeqSortWindow * self)
{
  guint32 *order = realloc (self->order, self->n_records * ORDER_COST);

  if (order != NULL)
    self->order = order;
  self->sizes = (guint16 *) (self->order + self->n_records);
}

static gboolean
order_by_keys (SeqSortWindow * self, SeqSortOrder order, guint64 seed, gsize group)
{
  SeqSortKey *keys = try_alloc (self, sizeof (SeqSortKey));
  SeqSortKey *scratch = try_alloc (self, sizeof (SeqSortKey)), *sorted;
  gsize n = 0;

  if (!keys || !scratch) {
    free (keys);
    free (scratch);
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
  self->sizes = (guint16 *) (self->order + n);
  for (gsize i = 0; i < n; i++) {
    guint32 location = sorted[i].location;

    set_place (self, i, location, find_record (find_part (self, location), location));
  }
  free (sorted);
  return_rest (self);
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

/* Bytes of the record that stands `index` behind those that are done */
static inline guint64
next_size (SeqSortWindow * self, gsize index)
{
  guint16 size = self->sizes[self->n_done + index];
  const guint8 *bytes;

  return size < LONG_SIZE ? size : seq_record_size (seq_sort_window_peek (self, index, &bytes));
}

/* The part whose records are the one that stands `index` behind those that are done and the next
 * ones, as they lie in it, where it is a block that is worth it; else NULL */
static Part *
find_sorted_block (SeqSortWindow * self, gsize index)
{
  const gsize n_left = self->n_records - self->n_done - index;
  const guint32 *order;
  guint64 bytes = 0;
  Part *part;

  if (n_left == 0)
    return NULL;
  order = self->order + self->n_done + index;
  part = find_part (self, order[0]);
  if (part->first != order[0] || !part->part.is_block || part->part.n_records > n_left)
    return NULL;
  for (gsize i = 0; i < part->part.n_records; i++) {
    if (order[i] != order[0] + i)
      return NULL;
    bytes += next_size (self, index + i);
  }
  return bytes >= LEAST_UNCOPIED ? part : NULL;
}

/* The same of a record that has another before it, where most have one that was not their neighbour. */
static inline gboolean
begins_sorted_block (SeqSortWindow * self, gsize index)
{
  const guint32 *order = self->order + self->n_done + index;

  return order[0] == order[-1] + 1 && find_sorted_block (self, index) != NULL;
}

gsize
seq_sort_window_plan (SeqSortWindow * self, gsize max_bytes, gsize max_records, gsize * block_size)
{
  gsize n = MIN (max_records, self->n_records - self->n_done), count = 0, bytes = 0;

  for (; count < n; count++) {
    /* a sum that a gsize can't hold is refused like one that a table can't hold */
    gsize size = MIN (next_size (self, count), G_MAXSIZE);

    if (count > 0 && (bytes > max_bytes || size > max_bytes - bytes))
      break;
    if (count > 0 && begins_sorted_block (self, count))
      break;
    bytes += size;
  }
  self->n_planned = count;
  *block_size = self->size = bytes;
  return count;
}

const GstSeqRecord *
seq_sort_window_peek (SeqSortWindow * self, gsize index, const guint8 ** bytes)
{
  guint32 location = self->order[self->n_done + index];
  const Part *part = find_part (self, location);

  *bytes = part->part.bytes;
  return find_record (part, location);
}

/* A record that is about to be copied */
typedef struct
{
  const guint8 *bytes;
  const GstSeqRecord *record;
} Source;

static PREFETCHING void
prefetch_range (const guint8 * bytes, guint32 offset, guint32 length)
{
  for (gsize i = 0; i < MIN (length, LINES_AHEAD * LINE); i += LINE)
    __builtin_prefetch (bytes + offset + i);
}

static PREFETCHING void
prefetch_source (const Source * source)
{
  const GstSeqRecord *record = source->record;

  prefetch_range (source->bytes, record->name, MIN (record->name_len, LINE));
  prefetch_range (source->bytes, record->seq, record->seq_len);
  if (record->qual != GST_SEQ_NO_QUALITY)
    prefetch_range (source->bytes, record->qual, record->seq_len);
}

static inline guint32
append_bytes (guint8 * out, gsize * fill, const guint8 * bytes, guint32 offset, gsize length)
{
  guint32 at = *fill;

  /* a block of empty records may have no bytes to point into */
  if (length > 0)
    memcpy (out + at, bytes + offset, length);
  *fill += length;
  return at;
}

/* Appends name, residues and qualities, which most blocks have one behind the other. */
static inline void
append_record (guint8 * out, gsize * fill, const guint8 * bytes, GstSeqRecord * record)
{
  const gboolean has_quality = record->qual != GST_SEQ_NO_QUALITY;
  const guint32 name = record->name, name_len = record->name_len, length = record->seq_len;

  if (record->seq == (guint64) name + name_len
      && (!has_quality || record->qual == (guint64) record->seq + length)) {
    record->name = append_bytes (out, fill, bytes, name, seq_record_size (record));
    record->seq = record->name + name_len;
    record->qual = has_quality ? record->seq + length : GST_SEQ_NO_QUALITY;
  } else {
    record->name = append_bytes (out, fill, bytes, name, name_len);
    record->seq = append_bytes (out, fill, bytes, record->seq, length);
    if (has_quality)
      record->qual = append_bytes (out, fill, bytes, record->qual, length);
  }
}

/* Where the records of `order` are; their entries are on the way into the cache then. */
static void
find_sources (SeqSortWindow * self, const guint32 * order, gsize n, Source * sources)
{
  for (gsize i = 0; i < n; i++) {
    const Part *part = find_part (self, order[i]);

    sources[i] = (Source) { part->part.bytes, find_record (part, order[i]) };
    __builtin_prefetch (sources[i].record);
  }
}

/* While one chunk is copied, the bytes of records some places ahead are asked for, and so, at its
 * start, are the entries of the chunk behind it: of the two halves of `sources` one is ahead. */
static void
copy_func (SeqJob * job, gpointer data)
{
  const Copy *copy = (const Copy *) job;
  Source sources[2 * CHUNK];
  gsize fill = copy->fill;

  find_sources (data, copy->order, MIN (copy->n, CHUNK), sources);
  for (gsize i = 0; i < MIN (copy->n, RECORDS_AHEAD); i++)
    prefetch_source (&sources[i]);
  for (gsize i = 0; i < copy->n; i++) {
    gsize next = i + CHUNK;
    const Source *source = &sources[i % (2 * CHUNK)];
    GstSeqRecord record = *source->record;

    if (i % CHUNK == 0 && next < copy->n)
      find_sources (data, copy->order + next, MIN (copy->n - next, CHUNK),
          sources + next % (2 * CHUNK));
    if (i + RECORDS_AHEAD < copy->n)
      prefetch_source (&sources[(i + RECORDS_AHEAD) % (2 * CHUNK)]);
    append_record (copy->out, &fill, source->bytes, &record);
    copy->table[i] = record;
  }
}

/* Bytes of a share, but for its last record */
static gsize
get_share (SeqSortWindow * self)
{
  if (self->size < LEAST_SHARED || self->n_threads == 1)
    return self->size + 1;
  return MAX (self->size / (SHARES_PER_THREAD * self->n_threads) + 1, LEAST_SHARE);
}

/* Cuts the planned records into runs of about the same size. Returns how many. */
static guint
share_out (SeqSortWindow * self, guint8 * out, GstSeqRecord * table)
{
  const guint32 *order = self->order + self->n_done;
  const gsize share = get_share (self);
  gsize fill = 0;
  guint n = 0;

  for (gsize i = 0; i < self->n_planned; i++) {
    if (n == 0 || fill >= n * share)
      self->copies[n++] = (Copy) { .order = &order[i], .out = out, .fill = fill,
        .table = table + i
      };
    self->copies[n - 1].n++;
    fill += next_size (self, i);
  }
  return n;
}

static void
call_func (SeqIdleJob * job)
{
  const Call *call = (const Call *) job;

  while (seq_workers_help (call->workers))
    continue;
}

/* Hands out all shares but the first, */
static void
hand_out (SeqSortWindow * self, guint n)
{
  if (self->workers == NULL)
    self->workers = seq_workers_new (self->n_threads - (self->idle_work ? 2 : 1), copy_func, self);
  for (guint i = 1; i < n; i++)
    seq_workers_add (self->workers, &self->copies[i].job);
  if (self->idle_work) {
    self->call = (Call) { .job.func = call_func, .workers = self->workers };
    seq_idle_work_add (self->idle_work, &self->call.job);
    seq_idle_work_wake (self->idle_work);
  }
}

/* and waits for them. */
static void
wait_for (SeqSortWindow * self, guint n)
{
  for (guint i = 1; i < n; i++)
    seq_workers_wait (self->workers, &self->copies[i].job);
  if (self->idle_work)
    seq_idle_work_wait (self->idle_work, &self->call.job);
}

void
seq_sort_window_copy (SeqSortWindow * self, guint8 * out, GstSeqRecord * table)
{
  guint n = share_out (self, out, table);

  if (n > 1)
    hand_out (self, n);
  if (n > 0)
    copy_func (&self->copies[0].job, self);
  if (n > 1)
    wait_for (self, n);
  seq_sort_window_skip (self);
}

void
seq_sort_window_skip (SeqSortWindow * self)
{
  const guint32 *order = self->order + self->n_done;

  for (gsize i = 0; i < self->n_planned; i++) {
    Part *part = find_part (self, order[i]);

    if (--part->left == 0)
      release_part (self, part);
  }
  self->n_done += self->n_planned;
  self->n_planned = 0;
}

gpointer
seq_sort_window_take_block (SeqSortWindow * self)
{
  Part *part = find_sorted_block (self, 0);

  if (part == NULL)
    return NULL;
  self->n_done += part->part.n_records;
  self->held -= part->part.held;
  part->left = 0;
  return g_steal_pointer (&part->part.owner);
}
