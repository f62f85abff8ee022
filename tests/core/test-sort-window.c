/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sort-window.h"

#include <stdlib.h>
#include <string.h>

/* The order that a window finds, by whichever way, against qsort, for records without bytes; and
 * what is copied of records whose parts lie in any order. */

#define N 5000
#define PER_PART 333

/* Of a block: some records, or one whose size takes more than 32 bits */
#define MAX_BYTES ((gsize) 5 << 30)

static gint n_parts;

static void
release (gpointer owner)
{
  n_parts--;
  g_free (owner);
}

static void
note_release (gpointer owner)
{
  n_parts--;
}

static GstSeqRecord *
random_records (GRand * rand, gsize n, guint32 max_length)
{
  GstSeqRecord *records = g_new0 (GstSeqRecord, n);

  for (gsize i = 0; i < n; i++) {
    gdouble r = g_rand_double (rand);

    records[i].id = 100 + i;
    records[i].seq_len = max_length * r * r * r;
    records[i].qual = i % 3 > 0 ? GST_SEQ_NO_QUALITY : 0;
    records[i].name_len = i % 7 > 0 ? i % 50 : G_MAXUINT32 - i;
  }
  return records;
}

static gint
compare (gconstpointer a, gconstpointer b)
{
  const GstSeqRecord *x = a, *y = b;

  if (x->seq_len != y->seq_len)
    return x->seq_len < y->seq_len ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

static gint
compare_descending (gconstpointer a, gconstpointer b)
{
  const GstSeqRecord *x = a, *y = b;

  if (x->seq_len != y->seq_len)
    return x->seq_len > y->seq_len ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

static void
check (SeqSortWindow * window, const GstSeqRecord * records, gsize n, SeqSortOrder order)
{
  GstSeqRecord *expected = g_memdup2 (records, n * sizeof (GstSeqRecord));
  gsize done = 0, count, size;

  qsort (expected, n, sizeof (GstSeqRecord),
      order == SEQ_SORT_ASCENDING ? compare : compare_descending);
  for (gsize i = 0; i < n; i += PER_PART) {
    SeqSortPart part = { .records = records + i, .n_records = MIN (PER_PART, n - i),
      .bytes = (const guint8 *) "", .held = 10, .owner = g_malloc (1), .release = release
    };

    n_parts++;
    seq_sort_window_add (window, &part);
  }
  g_assert_cmpuint (seq_sort_window_get_n_records (window), ==, n);
  g_assert_true (seq_sort_window_sort (window, order, 0, 0));
  while ((count = seq_sort_window_plan (window, MAX_BYTES, 100, &size)) > 0) {
    guint64 sum = 0;

    for (gsize i = 0; i < count; i++) {
      const guint8 *bytes;
      const GstSeqRecord *r = seq_sort_window_peek (window, i, &bytes);

      g_assert_cmpuint (r->id, ==, expected[done + i].id);
      g_assert_cmpuint (r->seq_len, ==, expected[done + i].seq_len);
      sum += seq_record_size (r);
    }
    g_assert_cmpuint (size, ==, sum);
    if (count > 1)
      g_assert_cmpuint (size, <=, MAX_BYTES);
    if (count < 100 && done + count < n)
      g_assert_cmpuint (size + seq_record_size (&expected[done + count]), >, MAX_BYTES);
    seq_sort_window_skip (window);
    done += count;
  }
  g_assert_cmpuint (done, ==, n);
  g_assert_cmpint (n_parts, ==, 0);     /* each was let go behind its last record */
  seq_sort_window_clear (window);
  g_free (expected);
}

/* One window for all: nothing of a sort is left for the next. */
static void
test_orders (void)
{
  static const guint32 max_lengths[] = { 0, 1, 400, 65530, 65535, 65536, 65538, 3000000000u };
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  SeqSortWindow *window = seq_sort_window_new ();

  for (guint m = 0; m < G_N_ELEMENTS (max_lengths); m++) {
    for (SeqSortOrder order = SEQ_SORT_ASCENDING; order <= SEQ_SORT_DESCENDING; order++) {
      static const gsize sizes[] = { 1, 2, PER_PART, N };

      for (guint s = 0; s < G_N_ELEMENTS (sizes); s++) {
        GstSeqRecord *records = random_records (rand, sizes[s], max_lengths[m]);

        records[sizes[s] / 2].seq_len = max_lengths[m];
        check (window, records, sizes[s], order);
        /* out of the order of ids, at one place, and everywhere */
        if (sizes[s] > 2) {
          records[7].id = 1;
          check (window, records, sizes[s], order);
          for (gsize i = 0; i < sizes[s]; i++)
            records[i].id = (i * 7919) % sizes[s];
          check (window, records, sizes[s], order);
        }
        g_free (records);
      }
    }
  }
  seq_sort_window_free (window);
}

/* Records with the same id and length stay as they came, whichever way is taken. */
static void
test_same_ids (void)
{
  SeqSortWindow *window = seq_sort_window_new ();
  GstSeqRecord records[60];

  for (guint last_id = 5; last_id >= 4; last_id--) {
    SeqSortPart part = { .records = records, .n_records = G_N_ELEMENTS (records),
      .bytes = (const guint8 *) "", .owner = g_malloc (1), .release = release
    };
    gsize size;

    for (guint i = 0; i < G_N_ELEMENTS (records); i++)
      records[i] = (GstSeqRecord) { .id = 5, .seq_len = i % 2, .name = i,
        .qual = GST_SEQ_NO_QUALITY
      };
    records[59].id = last_id;
    n_parts++;
    seq_sort_window_add (window, &part);
    g_assert_true (seq_sort_window_sort (window, SEQ_SORT_ASCENDING, 0, 0));
    g_assert_cmpuint (seq_sort_window_plan (window, G_MAXSIZE, 100, &size), ==, 60);
    for (guint i = 0; i < 29; i++) {
      const guint8 *bytes;

      g_assert_cmpuint (seq_sort_window_peek (window, i, &bytes)->name, ==, 2 * i);
    }
    g_assert_cmpuint (size, ==, 30);
    seq_sort_window_clear (window);
    g_assert_cmpint (n_parts, ==, 0);
  }
  seq_sort_window_free (window);
}

#define BYTES 4096

/* A record whose name, residues and qualities lie somewhere, often one behind the other */
static GstSeqRecord
scattered_record (GRand * rand, guint64 id)
{
  GstSeqRecord r = { .id = id,.name_len = g_rand_int_range (rand, 0, 40),
    .seq_len = g_rand_int_range (rand, 0, 300),.qual = GST_SEQ_NO_QUALITY
  };

  r.name = g_rand_int_range (rand, 0, BYTES - 700);
  r.seq = g_rand_boolean (rand) ? r.name + r.name_len : (guint) g_rand_int_range (rand, 0,
      BYTES - 300);
  if (g_rand_boolean (rand))
    r.qual = g_rand_boolean (rand) && r.seq + 2 * r.seq_len <= BYTES ? r.seq + r.seq_len
        : (guint) g_rand_int_range (rand, 0, BYTES - 300);
  return r;
}

static void
check_copy (const GstSeqRecord * copied, const guint8 * out, const GstSeqRecord * records,
    const guint8 * bytes, gsize * fill)
{
  const GstSeqRecord *r = &records[copied->id];

  g_assert_cmpuint (copied->name, ==, *fill);
  g_assert_cmpmem (out + copied->name, copied->name_len, bytes + r->name, r->name_len);
  g_assert_cmpmem (out + copied->seq, copied->seq_len, bytes + r->seq, r->seq_len);
  g_assert_cmpuint (copied->seq, ==, *fill + r->name_len);
  g_assert_cmpint (copied->qual == GST_SEQ_NO_QUALITY, ==, r->qual == GST_SEQ_NO_QUALITY);
  if (r->qual != GST_SEQ_NO_QUALITY) {
    g_assert_cmpuint (copied->qual, ==, copied->seq + r->seq_len);
    g_assert_cmpmem (out + copied->qual, r->seq_len, bytes + r->qual, r->seq_len);
  }
  *fill += seq_record_size (r);
}

/* A thread that helps whenever it is woken */
typedef struct
{
  SeqIdleWork *idle;
  GMutex lock;
  GCond cond;
  guint woken;
  gboolean stop;
  GThread *thread;
} Helper;

static void
helper_wake (gpointer data)
{
  Helper *helper = data;

  g_mutex_lock (&helper->lock);
  helper->woken++;
  g_cond_signal (&helper->cond);
  g_mutex_unlock (&helper->lock);
}

static gpointer
helper_run (gpointer data)
{
  Helper *helper = data;

  g_mutex_lock (&helper->lock);
  while (!helper->stop) {
    g_cond_wait (&helper->cond, &helper->lock);
    g_mutex_unlock (&helper->lock);
    while (seq_idle_work_help (helper->idle))
      continue;
    g_mutex_lock (&helper->lock);
  }
  g_mutex_unlock (&helper->lock);
  return NULL;
}

static void
helper_start (Helper * helper)
{
  *helper = (Helper) { .idle = seq_idle_work_new (helper_wake, helper) };
  g_mutex_init (&helper->lock);
  g_cond_init (&helper->cond);
  helper->thread = g_thread_new ("helper", helper_run, helper);
}

static void
helper_stop (Helper * helper)
{
  g_mutex_lock (&helper->lock);
  helper->stop = TRUE;
  g_cond_signal (&helper->cond);
  g_mutex_unlock (&helper->lock);
  g_thread_join (helper->thread);
  seq_idle_work_close (helper->idle);
  seq_idle_work_unref (helper->idle);
  g_cond_clear (&helper->cond);
  g_mutex_clear (&helper->lock);
}

static void
copy_all (SeqIdleWork * idle)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  SeqSortWindow *window = seq_sort_window_new ();
  const gsize n_records = 100 * PER_PART, room = 16 << 20;
  g_autofree GstSeqRecord *records = g_new (GstSeqRecord, n_records);
  g_autofree GstSeqRecord *table = g_new (GstSeqRecord, n_records);
  g_autofree guint8 *out = g_malloc (room);
  guint8 bytes[BYTES];
  gsize count, size, done = 0, largest = 0;

  for (guint i = 0; i < BYTES; i++)
    bytes[i] = g_rand_int (rand);
  for (guint i = 0; i < n_records; i++)
    records[i] = scattered_record (rand, i);
  for (guint i = 0; i < n_records; i += PER_PART) {
    SeqSortPart part = { .records = records + i, .n_records = PER_PART, .bytes = bytes,
      .owner = g_malloc (1), .release = release
    };

    n_parts++;
    seq_sort_window_add (window, &part);
  }
  g_assert_true (seq_sort_window_sort (window, SEQ_SORT_ASCENDING, 0, 0));
  seq_sort_window_set_idle_work (window, idle);
  /* few, and so many that several threads copy them */
  for (gsize max = 1; (count = seq_sort_window_plan (window, room, max, &size)) > 0; max *= 30) {
    gsize fill = 0;

    seq_sort_window_copy (window, out, table);
    for (gsize i = 0; i < count; i++)
      check_copy (&table[i], out, records, bytes, &fill);
    g_assert_cmpuint (fill, ==, size);
    done += count;
    largest = MAX (largest, size);
  }
  g_assert_cmpuint (done, ==, n_records);
  g_assert_cmpuint (largest, >, 4 << 20);
  g_assert_cmpint (n_parts, ==, 0);
  seq_sort_window_free (window);
}

static void
test_copies (void)
{
  copy_all (NULL);
}

/* The same with help, which is asked for where there is enough to share, and which may be late. */
static void
test_copies_with_help (void)
{
  SeqIdleWork *nobody = seq_idle_work_new (NULL, NULL);
  Helper helper;

  helper_start (&helper);
  for (guint i = 0; i < 5; i++)
    copy_all (helper.idle);
  g_assert_cmpuint (helper.woken, >=, g_get_num_processors () > 1 ? 5 : 0);
  helper_stop (&helper);
  copy_all (nobody);
  seq_idle_work_unref (nobody);
}

#define BLOCKS 6
#define LENGTH 200              /* of most records: PER_PART take more than 64 KiB */

/* Adds BLOCKS blocks of PER_PART records of one length, but `odd`, which is longer (none: negative).
 * Block 3 is none that may leave as it is. */
static void
add_even_blocks (SeqSortWindow * window, GstSeqRecord * records, const guint8 * bytes, gint odd)
{
  for (guint i = 0; i < BLOCKS * PER_PART; i++)
    records[i] = (GstSeqRecord) { .id = i, .seq_len = LENGTH + (i == (guint) odd),
      .qual = GST_SEQ_NO_QUALITY
    };
  for (guint i = 0; i < BLOCKS; i++) {
    SeqSortPart part = { .records = records + i * PER_PART, .n_records = PER_PART,
      .bytes = bytes, .held = 100, .is_block = i != 3, .owner = records + i * PER_PART,
      .release = note_release
    };

    n_parts++;
    seq_sort_window_add (window, &part);
  }
}

/* Takes the blocks that are sorted as they are, and copies what is between them. Returns a letter
 * for each: block or copy. */
static gchar *
take_blocks (SeqSortWindow * window, const GstSeqRecord * records)
{
  static guint8 out[PER_PART * (LENGTH + 1)];
  static GstSeqRecord table[PER_PART];
  GString *taken = g_string_new (NULL);
  gsize n = 1, size;

  while (n > 0) {
    guint64 held = seq_sort_window_get_held (window);
    const GstSeqRecord *owner = seq_sort_window_take_block (window);

    if (owner != NULL) {
      g_assert_cmpuint ((owner - records) % PER_PART, ==, 0);
      g_assert_cmpuint (seq_sort_window_get_held (window), ==, held - 100);
      n_parts--;
      g_string_append_c (taken, 'b');
    } else {
      n = seq_sort_window_plan (window, sizeof (out), PER_PART, &size);
      seq_sort_window_copy (window, out, table);
      g_string_append (taken, n > 0 ? "c" : "");
    }
  }
  return g_string_free (taken, FALSE);
}

static void
test_blocks (void)
{
  static const struct
  {
    gint odd;
    const gchar *taken;
  } cases[] = {
    { -1, "bbbcbb" },
    { 0, "cbbcbbc" },           /* all of the first block but one; the one at the end */
    { 700, "bbccbbc" },
    { 3 * PER_PART + 5, "bbbcbbc" },
    { BLOCKS * PER_PART - 1, "bbbcbb" },        /* the last anyway */
  };
  const guint8 *bytes = g_malloc0 (LENGTH + 1);
  SeqSortWindow *window = seq_sort_window_new ();
  GstSeqRecord *records = g_new (GstSeqRecord, BLOCKS * PER_PART);

  g_assert_null (seq_sort_window_take_block (window));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree gchar *taken = NULL;

    add_even_blocks (window, records, bytes, cases[i].odd);
    g_assert_true (seq_sort_window_sort (window, SEQ_SORT_ASCENDING, 0, 0));
    taken = take_blocks (window, records);
    g_test_message ("%d: %s", cases[i].odd, taken);
    g_assert_cmpstr (taken, ==, cases[i].taken);
    g_assert_cmpint (n_parts, ==, 0);
    seq_sort_window_clear (window);
  }
  seq_sort_window_free (window);
  g_free (records);
  g_free ((guint8 *) bytes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sort-window/orders", test_orders);
  g_test_add_func ("/sort-window/same-ids", test_same_ids);
  g_test_add_func ("/sort-window/copies", test_copies);
  g_test_add_func ("/sort-window/copies/with-help", test_copies_with_help);
  g_test_add_func ("/sort-window/blocks", test_blocks);
  return g_test_run ();
}
