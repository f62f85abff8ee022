/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record-sorter.h"

#include "arena.h"
#include "run-merge.h"

#include <string.h>

/* Runs that are merged at once: with 64 an input of 4096 times the limit takes two passes, and
 * each run still has a block that is worth a seek. */
#define FAN_IN 64

/* Blocks of runs. Bytes and table of one from each run together are half of the limit; the rest
 * is for groups. */
#define MIN_RUN_BLOCK ((gsize) 16 << 10)
#define MAX_RUN_BLOCK ((gsize) 1 << 20)

typedef struct
{
  SeqSpillRun *file;
  guint level;                  /* merges that its records have gone through */
} Run;

struct _SeqSorter
{
  SeqSorterConfig config;
  gchar *directory;
  SeqSorterStats stats;
  guint64 n_records;            /* added */
  SeqSortWindow *window;
  GArray *runs;                 /* Run, in the order in which their records came */
  guint64 n_files;

  /* a block on its way to a file */
  gsize run_block;              /* bytes at most, unless it is a single record */
  guint8 *bytes;
  gsize capacity;
  GstSeqRecord *table;

  /* taking out */
  SeqRunMerge *merge;           /* NULL: from the window */
  gsize room_bytes;             /* of the block that peek told */
  gsize room_records;
  guint64 merge_passes;         /* up to and with this merge */
  SeqSorter *groups;            /* NULL, or sorts the group that the merge has come to */
  SeqArenaPool *arenas;         /* memory of its parts */
};

GQuark
seq_sorter_error_quark (void)
{
  return g_quark_from_static_string ("seq-sorter-error");
}

static inline guint64
now_ns (void)
{
  return (guint64) g_get_monotonic_time () * 1000;
}

SeqSorter *
seq_sorter_new (void)
{
  SeqSorter *self = g_new0 (SeqSorter, 1);

  self->window = seq_sort_window_new ();
  self->runs = g_array_new (FALSE, FALSE, sizeof (Run));
  return self;
}

void
seq_sorter_set_idle_work (SeqSorter * self, SeqIdleWork * work)
{
  seq_sort_window_set_idle_work (self->window, work);
}

static void
remove_runs (SeqSorter * self, guint first, guint n)
{
  for (guint i = first; i < first + n; i++)
    seq_spill_run_free (g_array_index (self->runs, Run, i).file);
  g_array_remove_range (self->runs, first, n);
}

static void
free_block (SeqSorter * self)
{
  g_clear_pointer (&self->bytes, g_free);
  g_clear_pointer (&self->table, g_free);
  self->capacity = 0;
}

void
seq_sorter_clear (SeqSorter * self)
{
  g_clear_pointer (&self->groups, seq_sorter_free);
  g_clear_pointer (&self->arenas, seq_arena_pool_unref);
  g_clear_pointer (&self->merge, seq_run_merge_free);
  remove_runs (self, 0, self->runs->len);
  free_block (self);
  seq_sort_window_clear (self->window);
  self->n_records = 0;
}

void
seq_sorter_free (SeqSorter * self)
{
  seq_sorter_clear (self);
  seq_sort_window_free (self->window);
  g_array_unref (self->runs);
  g_free (self->directory);
  g_free (self);
}

void
seq_sorter_begin (SeqSorter * self, const SeqSorterConfig * config)
{
  gchar *directory = g_strdup (config->directory);

  g_free (self->directory);
  self->directory = directory;
  self->config = *config;
  self->config.directory = directory;
  if (config->order == SEQ_SORT_NONE)
    self->config.max_bytes = 0;
  memset (&self->stats, 0, sizeof (self->stats));
  self->n_files = 0;
  self->run_block = CLAMP (config->max_bytes / (4 * FAN_IN), MIN_RUN_BLOCK, MAX_RUN_BLOCK);
}

guint64
seq_sorter_get_n_records (SeqSorter * self)
{
  return self->n_records;
}

void
seq_sorter_get_stats (SeqSorter * self, SeqSorterStats * stats)
{
  *stats = self->stats;
  stats->records = self->n_records;
}

static void
note_held (SeqSorter * self, guint64 held)
{
  self->stats.peak_bytes = MAX (self->stats.peak_bytes, held);
}

static gboolean
no_memory (const gchar * what, guint64 n, GError ** error)
{
  g_set_error (error, SEQ_SORTER_ERROR, SEQ_SORTER_ERROR_NO_MEMORY,
      "Not enough memory to sort %" G_GUINT64_FORMAT " %s; set a window or max-bytes", n, what);
  return FALSE;
}

static gboolean
is_interrupted (SeqSorter * self, GError ** error)
{
  if (!self->config.interrupted || !self->config.interrupted (self->config.data))
    return FALSE;
  g_set_error (error, SEQ_SPILL_ERROR, SEQ_SPILL_ERROR_INTERRUPTED, "Interrupted");
  return TRUE;
}

/* --- runs ------------------------------------------------------------------------------------ */

/* Room for `size` bytes and the records of a run's block. */
static gboolean
reserve_block (SeqSorter * self, gsize size, GError ** error)
{
  if (!self->table)
    self->table = g_try_malloc (self->run_block);
  if (size > self->capacity) {
    g_free (self->bytes);
    self->bytes = g_try_malloc (size);
    self->capacity = self->bytes ? size : 0;
  }
  if (!self->table || !self->bytes)
    return no_memory ("bytes", size, error);
  return TRUE;
}

static gsize
run_block_records (SeqSorter * self)
{
  return self->run_block / sizeof (GstSeqRecord);
}

static SeqSpillRun *
new_file (SeqSorter * self, GError ** error)
{
  return seq_spill_run_new (self->directory, ++self->n_files, error);
}

static gboolean
append_block (SeqSorter * self, SeqSpillRun * file, gsize n, gsize size, GError ** error)
{
  struct iovec piece = { self->bytes, size };

  return seq_spill_run_append (file, self->table, n, &piece, 1, error);
}

/* A long record goes to the file from where it lies: no second copy of it. */
static gboolean
append_long_record (SeqSorter * self, SeqSpillRun * file, GError ** error)
{
  const guint8 *bytes;
  const GstSeqRecord *r = seq_sort_window_peek (self->window, 0, &bytes);
  GstSeqRecord entry = *r;
  gboolean quality = r->qual != GST_SEQ_NO_QUALITY;
  struct iovec pieces[SEQ_SPILL_MAX_PIECES] = {
    {(gpointer) (bytes + r->name), r->name_len},
    {(gpointer) (bytes + r->seq), r->seq_len},
    {(gpointer) (bytes + (quality ? r->qual : 0)), r->seq_len},
  };

  entry.name = 0;
  entry.seq = r->name_len;
  if (quality)
    entry.qual = r->name_len + r->seq_len;
  return seq_spill_run_append (file, &entry, 1, pieces, quality ? 3 : 2, error);
}

static gboolean
too_long (const GstSeqRecord * record, gsize size, GError ** error)
{
  /* offsets in a table have 32 bits, and the highest one means "no quality" */
  if (size < G_MAXUINT32)
    return FALSE;
  g_set_error (error, SEQ_SORTER_ERROR, SEQ_SORTER_ERROR_TOO_LONG, "Record %" G_GUINT64_FORMAT
      " is too large for a block: %" G_GSIZE_FORMAT " bytes", record->id, size);
  return TRUE;
}

static gboolean
write_window (SeqSorter * self, SeqSpillRun * file, GError ** error)
{
  gsize n, size;

  if (!reserve_block (self, self->run_block, error))
    return FALSE;
  while ((n = seq_sort_window_plan (self->window, self->run_block, run_block_records (self),
              &size)) > 0) {
    const guint8 *bytes;

    if (is_interrupted (self, error) ||
        too_long (seq_sort_window_peek (self->window, 0, &bytes), size, error))
      return FALSE;
    if (size > self->run_block) {
      if (!append_long_record (self, file, error))
        return FALSE;
      seq_sort_window_skip (self->window);
    } else {
      seq_sort_window_copy (self->window, self->bytes, self->table);
      if (!append_block (self, file, n, size, error))
        return FALSE;
    }
  }
  return TRUE;
}

/* The order of runs: groups are cut from what has been merged. */
static SeqSortOrder
run_order (SeqSorter * self)
{
  return self->config.order == SEQ_SORT_GROUPED ? SEQ_SORT_SHUFFLE : self->config.order;
}

static SeqRunMerge *
new_merge (SeqSorter * self, guint first, guint n, GError ** error)
{
  SeqSpillRun *files[FAN_IN];

  for (guint i = 0; i < n; i++)
    files[i] = g_array_index (self->runs, Run, first + i).file;
  return seq_run_merge_new (files, n, run_order (self), self->config.seed, self->run_block, error);
}

static gboolean
write_merge (SeqSorter * self, SeqRunMerge * merge, SeqSpillRun * file, GError ** error)
{
  while (seq_run_merge_get_n_left (merge) > 0) {
    gsize n, size, next = seq_run_merge_peek_size (merge);
    gsize max_records = next > self->run_block ? 1 : run_block_records (self);

    if (is_interrupted (self, error) ||
        !reserve_block (self, MAX (next, self->run_block), error) ||
        !seq_run_merge_take (merge, self->bytes, MAX (next, self->run_block), self->table,
            max_records, &n, &size, error) ||
        !append_block (self, file, n, size, error))
      return FALSE;
    note_held (self, seq_run_merge_get_held (merge) + self->capacity + self->run_block);
  }
  return TRUE;
}

/* Makes one run of `n`, in their place. */
static gboolean
merge_runs (SeqSorter * self, guint first, guint n, GError ** error)
{
  guint64 start = now_ns ();
  Run merged = { NULL, 0 };
  SeqRunMerge *merge = new_merge (self, first, n, error);
  gboolean done = FALSE;

  if (!merge)
    return FALSE;
  merged.file = new_file (self, error);
  if (!merged.file || !write_merge (self, merge, merged.file, error))
    goto out;

  for (guint i = first; i < first + n; i++)
    merged.level = MAX (merged.level, g_array_index (self->runs, Run, i).level + 1);
  self->stats.spilled_bytes += seq_spill_run_get_size (merged.file);
  self->stats.passes = MAX (self->stats.passes, merged.level);
  remove_runs (self, first, n);
  g_array_insert_val (self->runs, first, merged);
  merged.file = NULL;
  done = TRUE;

out:
  seq_run_merge_free (merge);
  g_clear_pointer (&merged.file, seq_spill_run_free);
  free_block (self);
  self->stats.merge_time += now_ns () - start;
  return done;
}

/* The latest runs are those that have been merged least often. */
static gboolean
merge_full_levels (SeqSorter * self, GError ** error)
{
  while (self->runs->len >= FAN_IN) {
    guint first = self->runs->len - FAN_IN;

    if (g_array_index (self->runs, Run, first).level !=
        g_array_index (self->runs, Run, self->runs->len - 1).level)
      break;
    if (!merge_runs (self, first, FAN_IN, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
sort_window (SeqSorter * self, SeqSortOrder order, GError ** error)
{
  guint64 start = now_ns ();

  if (!seq_sort_window_sort (self->window, order, self->config.seed, self->config.group))
    return no_memory ("records", seq_sort_window_get_n_records (self->window), error);
  self->stats.sort_time += now_ns () - start;
  return TRUE;
}

static gboolean
spill_window (SeqSorter * self, GError ** error)
{
  Run run = { NULL, 0 };
  guint64 start;

  if (!sort_window (self, run_order (self), error))
    return FALSE;
  start = now_ns ();
  run.file = new_file (self, error);
  if (!run.file)
    return FALSE;
  if (!write_window (self, run.file, error)) {
    seq_spill_run_free (run.file);
    return FALSE;
  }
  seq_sort_window_clear (self->window);
  g_array_append_val (self->runs, run);
  self->stats.runs++;
  self->stats.spilled_bytes += seq_spill_run_get_size (run.file);
  self->stats.spill_time += now_ns () - start;
  return merge_full_levels (self, error);
}

/* --- collecting ------------------------------------------------------------------------------ */

/* Whether the window must leave before it gets `n` records more, that hold `bytes` of memory. */
static gboolean
must_spill (SeqSorter * self, gsize n, guint64 bytes)
{
  gsize n_keys = seq_sort_window_get_n_records (self->window);
  guint64 held = seq_sort_window_get_held (self->window);

  if (self->config.max_bytes == 0 || n_keys == 0)
    return FALSE;
  return held > self->config.max_bytes || n > SEQ_SORT_WINDOW_MAX_RECORDS - n_keys ||
      bytes + (guint64) n * SEQ_SORT_WINDOW_RECORD_COST > self->config.max_bytes - held;
}

gboolean
seq_sorter_add (SeqSorter * self, const SeqSortPart * part, GError ** error)
{
  if (must_spill (self, part->n_records, part->held) && !spill_window (self, error)) {
    part->release (part->owner);
    return FALSE;
  }
  if (part->n_records > SEQ_SORT_WINDOW_MAX_RECORDS -
      seq_sort_window_get_n_records (self->window)) {
    part->release (part->owner);
    g_set_error (error, SEQ_SORTER_ERROR, SEQ_SORTER_ERROR_TOO_MANY, "More than %" G_GSIZE_FORMAT
        " records; set a window or max-bytes", SEQ_SORT_WINDOW_MAX_RECORDS);
    return FALSE;
  }
  seq_sort_window_add (self->window, part);
  self->n_records += part->n_records;
  note_held (self, seq_sort_window_get_held (self->window));
  /* a part that is larger than the limit all by itself */
  return !must_spill (self, 0, 0) || spill_window (self, error);
}

/* Lets everything but the runs go, and merges them until few enough are left. */
static gboolean
finish_runs (SeqSorter * self, GError ** error)
{
  if (seq_sort_window_get_n_records (self->window) > 0 && !spill_window (self, error))
    return FALSE;
  free_block (self);
  seq_sort_window_clear (self->window);
  while (self->runs->len > FAN_IN) {
    guint n = MIN (self->runs->len - FAN_IN + 1, FAN_IN);

    if (!merge_runs (self, self->runs->len - n, n, error))
      return FALSE;
  }
  self->merge = new_merge (self, 0, self->runs->len, error);
  self->merge_passes = ++self->stats.passes;
  return self->merge != NULL;
}

gboolean
seq_sorter_finish (SeqSorter * self, GError ** error)
{
  SeqSorterConfig config = self->config;

  if (self->runs->len == 0)
    return sort_window (self, self->config.order, error);
  if (!finish_runs (self, error))
    return FALSE;
  note_held (self, seq_run_merge_get_held (self->merge));
  if (self->config.order != SEQ_SORT_GROUPED)
    return TRUE;

  config.order = SEQ_SORT_ASCENDING;
  config.max_bytes = MAX (config.max_bytes / 2, 1);
  self->groups = seq_sorter_new ();
  self->arenas = seq_arena_pool_new (config.max_bytes);
  seq_sorter_begin (self->groups, &config);
  return TRUE;
}

/* --- groups ---------------------------------------------------------------------------------- */

/* Moves the next records of the merge, `n` at most, to the sorter of the group. Table and bytes
 * share an arena. */
static gboolean
add_to_group (SeqSorter * self, gsize n, GError ** error)
{
  gsize capacity = MAX (seq_run_merge_peek_size (self->merge), self->run_block), size;
  gsize table_size = MIN (n, run_block_records (self)) * sizeof (GstSeqRecord);
  SeqArena *arena = NULL;
  SeqSortPart part = { NULL };

  if (capacity <= G_MAXSIZE - table_size)
    arena = seq_arena_acquire (self->arenas, table_size + capacity);
  if (!arena)
    return no_memory ("bytes", capacity, error);
  if (!seq_run_merge_take (self->merge, arena->data + table_size, capacity,
          (GstSeqRecord *) arena->data, table_size / sizeof (GstSeqRecord), &part.n_records,
          &size, error)) {
    seq_arena_release (arena);
    return FALSE;
  }
  part.records = (const GstSeqRecord *) arena->data;
  part.bytes = arena->data + table_size;
  part.held = arena->capacity;
  part.owner = arena;
  part.release = (GDestroyNotify) seq_arena_release;
  return seq_sorter_add (self->groups, &part, error);
}

/* Adds what the sorter of the group has done, and makes it ready for the next group. */
static void
end_group (SeqSorter * self)
{
  SeqSorterConfig config = self->groups->config;
  const SeqSorterStats *group = &self->groups->stats;

  self->stats.runs += group->runs;
  self->stats.spilled_bytes += group->spilled_bytes;
  self->stats.sort_time += group->sort_time;
  self->stats.spill_time += group->spill_time;
  self->stats.passes = MAX (self->stats.passes, self->merge_passes + group->passes);
  note_held (self, seq_run_merge_get_held (self->merge) + group->peak_bytes);
  seq_sorter_clear (self->groups);
  seq_sorter_begin (self->groups, &config);
}

/* Collects and sorts the next group. */
static gboolean
next_group (SeqSorter * self, GError ** error)
{
  const SeqSorterStats *group = &self->groups->stats;
  guint64 start = now_ns (), n;
  guint64 left = seq_run_merge_get_n_left (self->merge);
  guint64 size = self->config.group > 0 ? MIN (left, self->config.group) : left;

  while ((n = seq_sorter_get_n_records (self->groups)) < size)
    if (is_interrupted (self, error) || !add_to_group (self, MIN (size - n, G_MAXSIZE), error))
      return FALSE;
  if (!seq_sorter_finish (self->groups, error))
    return FALSE;
  self->stats.merge_time += now_ns () - start - group->sort_time - group->spill_time;
  return TRUE;
}

/* --- taking out ------------------------------------------------------------------------------ */

static gboolean
peek_groups (SeqSorter * self, gsize max_bytes, gsize max_records, gsize * n_records,
    gsize * size, GError ** error)
{
  if (!seq_sorter_peek (self->groups, max_bytes, max_records, n_records, size, error))
    return FALSE;
  if (*n_records > 0)
    return TRUE;
  end_group (self);
  if (seq_run_merge_get_n_left (self->merge) == 0)
    return TRUE;
  return next_group (self, error) &&
      seq_sorter_peek (self->groups, max_bytes, max_records, n_records, size, error);
}

gboolean
seq_sorter_peek (SeqSorter * self, gsize max_bytes, gsize max_records, gsize * n_records,
    gsize * size, GError ** error)
{
  const guint8 *bytes;

  *size = 0;
  if (self->groups)
    return peek_groups (self, max_bytes, max_records, n_records, size, error);
  if (self->merge) {
    *n_records = MIN (max_records, seq_run_merge_get_n_left (self->merge));
    if (*n_records > 0)
      *size = seq_run_merge_peek_size (self->merge);
    if (*size > max_bytes)
      *n_records = 1;
    else
      *size = max_bytes;
    self->room_records = *n_records;
    self->room_bytes = *size;
    return TRUE;
  }
  *n_records = seq_sort_window_plan (self->window, max_bytes, max_records, size);
  self->room_records = *n_records;
  self->room_bytes = *size;
  return *n_records == 0 ||
      !too_long (seq_sort_window_peek (self->window, 0, &bytes), *size, error);
}

gboolean
seq_sorter_take (SeqSorter * self, guint8 * out, GstSeqRecord * table, gsize * n_records,
    gsize * size, GError ** error)
{
  guint64 start = now_ns ();
  gboolean done = TRUE;

  if (self->groups) {
    done = seq_sorter_take (self->groups, out, table, n_records, size, error);
  } else if (self->merge) {
    done = seq_run_merge_take (self->merge, out, self->room_bytes, table, self->room_records,
        n_records, size, error);
    note_held (self, seq_run_merge_get_held (self->merge));
  } else {
    *n_records = self->room_records;
    *size = self->room_bytes;
    seq_sort_window_copy (self->window, out, table);
  }
  self->stats.merge_time += now_ns () - start;
  return done;
}

gpointer
seq_sorter_take_block (SeqSorter * self)
{
  return self->merge ? NULL : seq_sort_window_take_block (self->window);
}
