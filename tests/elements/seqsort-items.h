/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Records whose bytes follow from id and length, and what the tests of seqsort do with them. */

#include <gst/check/gstharness.h>
#include <gst/seq/seq.h>

#include <stdlib.h>
#include <string.h>

#define CAPS "application/x-seq-records,alphabet=(string)protein,quality=(boolean)false"

/* --- records --------------------------------------------------------------------------------- */

/* A record's bytes follow from its id and length, so that a test needs no copy of them. */
typedef struct
{
  guint64 id;
  gsize length;
} Item;

static inline gchar *
item_name (guint64 id)
{
  /* names repeat, and some are empty */
  return id % 7 == 0 ? g_strdup ("") : g_strdup_printf ("name %u", (guint) (id % 11));
}

static inline gchar *
item_bytes (guint64 id, gsize length, const gchar * letters)
{
  gchar *bytes = g_malloc (length + 1);

  for (gsize i = 0; i < length; i++)
    bytes[i] = letters[(id * 7 + i * (id % 5 + 1)) % 20];
  bytes[length] = '\0';
  return bytes;
}

static inline gchar *
item_residues (guint64 id, gsize length)
{
  return item_bytes (id, length, "ACDEFGHIKLMNPQRSTVWY");
}

static inline gchar *
item_quality (guint64 id, gsize length)
{
  return id % 3 == 0 ? item_bytes (id, length, "!#$%&'()*+,-./012345") : NULL;
}

static inline GstBuffer *
make_block (const Item * items, gsize n)
{
  g_autoptr (GstSeqBlockBuilder) builder = gst_seq_block_builder_new (n > 0 ? items[0].id : 0);

  for (gsize i = 0; i < n; i++) {
    g_autofree gchar *name = item_name (items[i].id);
    g_autofree gchar *residues = item_residues (items[i].id, items[i].length);
    g_autofree gchar *quality = item_quality (items[i].id, items[i].length);

    g_assert_true (gst_seq_block_builder_add (builder, name, -1, residues, items[i].length,
            quality));
  }
  return gst_seq_block_builder_finish (builder);
}

static inline Item *
random_items (GRand * rand, gsize n, gsize max_length)
{
  Item *items = g_new (Item, MAX (n, 1));

  for (gsize i = 0; i < n; i++)
    items[i] = (Item) {.id = i, .length = g_rand_int_range (rand, 0, max_length + 1) };
  return items;
}

static inline gint
compare_ascending (gconstpointer a, gconstpointer b)
{
  const Item *x = a, *y = b;

  if (x->length != y->length)
    return x->length < y->length ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

static inline gint
compare_descending (gconstpointer a, gconstpointer b)
{
  const Item *x = a, *y = b;

  if (x->length != y->length)
    return x->length > y->length ? -1 : 1;
  return x->id < y->id ? -1 : x->id > y->id;
}

static inline gint
compare_id (gconstpointer a, gconstpointer b)
{
  const Item *x = a, *y = b;

  return x->id < y->id ? -1 : x->id > y->id;
}

/* --- harness --------------------------------------------------------------------------------- */

static inline GstHarness *
harness_new (const gchar * properties)
{
  /* descending unless the properties say otherwise: the order that ids alone would not give */
  g_autofree gchar *line = g_strdup_printf ("seqsort order=descending %s", properties);
  GstHarness *h = gst_harness_new_parse (line);

  gst_harness_set_src_caps_str (h, CAPS);
  return h;
}

/* Pushes items in blocks of at most `block` records (random sizes with a generator). */
static inline void
push_items (GstHarness * h, const Item * items, gsize n, gsize block, GRand * rand)
{
  for (gsize done = 0, take; done < n; done += take) {
    take = rand ? (gsize) g_rand_int_range (rand, 1, block + 1) : block;
    take = MIN (take, n - done);
    g_assert_cmpint (gst_harness_push (h, make_block (items + done, take)), ==, GST_FLOW_OK);
  }
}

static inline void
check_offsets (GstBuffer * block, const GstSeqRecordsMeta * meta)
{
  gboolean consecutive = TRUE;

  for (guint i = 1; i < meta->n_records; i++)
    consecutive &= meta->records[i].id == meta->records[0].id + i;
  g_assert_cmpuint (GST_BUFFER_OFFSET (block), ==,
      consecutive ? meta->records[0].id : GST_BUFFER_OFFSET_NONE);
  g_assert_cmpuint (GST_BUFFER_OFFSET_END (block), ==,
      consecutive ? meta->records[0].id + meta->n_records : GST_BUFFER_OFFSET_NONE);
}

/* Checks a block and appends its records to `result`. */
static inline void
take_block (GstBuffer * block, GArray * result)
{
  GstSeqRecordsMeta *meta = gst_buffer_get_seq_records_meta (block);
  GError *error = NULL;
  gsize bytes = 0;

  g_assert_nonnull (meta);
  g_assert_cmpuint (meta->n_records, >, 0);
  g_assert_true (gst_seq_block_validate (block, &error));
  g_assert_no_error (error);
  for (guint i = 0; i < meta->n_records; i++) {
    Item item = { meta->records[i].id, meta->records[i].seq_len };
    g_autofree gchar *name = item_name (item.id);
    g_autofree gchar *residues = item_residues (item.id, item.length);
    g_autofree gchar *quality = item_quality (item.id, item.length);
    g_autofree gchar *got_name = gst_seq_block_dup_name (block, i);
    g_autofree gchar *got_residues = gst_seq_block_dup_residues (block, i);
    g_autofree gchar *got_quality = gst_seq_block_dup_quality (block, i);

    g_assert_cmpstr (got_name, ==, name);
    g_assert_cmpstr (got_residues, ==, residues);
    g_assert_cmpstr (got_quality, ==, quality);
    g_array_append_val (result, item);
    bytes += strlen (name) + item.length * (quality ? 2 : 1);
  }
  g_assert_cmpuint (gst_buffer_get_size (block), ==, bytes);
}

static inline GArray *
pull_items (GstHarness * h)
{
  GArray *result = g_array_new (FALSE, FALSE, sizeof (Item));
  GstBuffer *block;

  while ((block = gst_harness_try_pull (h))) {
    GstSeqRecordsMeta *meta = gst_buffer_get_seq_records_meta (block);

    take_block (block, result);
    check_offsets (block, meta);
    gst_buffer_unref (block);
  }
  return result;
}

static inline void
assert_items (GArray * result, const Item * expected, gsize n)
{
  g_assert_cmpuint (result->len, ==, n);
  for (gsize i = 0; i < n; i++) {
    g_assert_cmpuint (g_array_index (result, Item, i).id, ==, expected[i].id);
    g_assert_cmpuint (g_array_index (result, Item, i).length, ==, expected[i].length);
  }
}

static inline void
restart_stream (GstHarness * h, const gchar * id)
{
  g_autoptr (GstCaps) caps = gst_caps_from_string (CAPS);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  g_assert_true (gst_harness_push_event (h, gst_event_new_stream_start (id)));
  g_assert_true (gst_harness_push_event (h, gst_event_new_caps (caps)));
  g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
}

static inline GstBus *
watch_bus (GstHarness * h)
{
  GstBus *bus = gst_bus_new ();

  gst_element_set_bus (h->element, bus);
  return bus;
}

static inline void
assert_one_error (GstBus * bus, GQuark domain, gint code, const gchar * says)
{
  GstMessage *message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  GError *error = NULL;

  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, domain, code);
  if (says)
    g_assert_nonnull (strstr (error->message, says));
  g_clear_error (&error);
  gst_message_unref (message);
  g_assert_false (gst_bus_have_pending (bus));
}

static inline void
stop_watching (GstHarness * h, GstBus * bus)
{
  gst_element_set_bus (h->element, NULL);
  gst_object_unref (bus);
}

/* Sends the items and returns them in the order in which they came out. */
static inline GArray *
run_sort (const gchar * properties, const Item * items, gsize n, gsize block, GRand * rand)
{
  GstHarness *h = harness_new (properties);
  GArray *result;

  push_items (h, items, n, block, rand);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  result = pull_items (h);
  gst_harness_teardown (h);
  return result;
}

static inline void
check_sorted (const gchar * properties, const Item * items, gsize n, gsize window, gboolean up,
    GRand * rand)
{
  g_autoptr (GArray) result = run_sort (properties, items, n, MAX (n / 5, 1), rand);
  g_autofree Item *expected = g_memdup2 (items, MAX (n, 1) * sizeof (Item));

  for (gsize start = 0; start < n; start += window)
    qsort (expected + start, MIN (window, n - start), sizeof (Item),
        up ? compare_ascending : compare_descending);
  assert_items (result, expected, n);
}
