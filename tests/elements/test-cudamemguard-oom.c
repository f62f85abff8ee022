/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What cudamemguard does when the consumer runs out of device memory: every record arrives once
 * and in order, in batches that are what seqbatch would have made of them. */

#include "seqbatch-batches.h"

/* ---- a consumer ---- */

/* How it says that it is out of memory */
typedef enum
{
  SAYS_FLOW,
  SAYS_EVENT,
  SAYS_SIGNAL,
} Says;

/* Takes batches, or runs out of memory: above a limit, at random, or on one record */
#define TEST_TYPE_CONSUMER (test_consumer_get_type ())
G_DECLARE_FINAL_TYPE (TestConsumer, test_consumer, TEST, CONSUMER, GstElement)

struct _TestConsumer
{
  GstElement parent;
  GstPad *pad;
  guint64 limit;                /* slots, 0 = none */
  gdouble rate;                 /* failures at random */
  GRand *rand;
  guint64 poison;               /* id of a record that never fits */
  Says says;
  GstFlowReturn other;          /* what is returned for the third buffer, or OK */
  guint n_buffers, n_failures, last_failure;
  gboolean was_writable;
  GPtrArray *batches;           /* those that it took */
};

G_DEFINE_TYPE (TestConsumer, test_consumer, GST_TYPE_ELEMENT)

static gboolean
consumer_fails (TestConsumer * self, GstBuffer * buffer)
{
  const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (buffer);

  if (self->rand && g_rand_double (self->rand) < self->rate)
    return TRUE;
  for (guint i = 0; meta && i < meta->n_records; i++)
    if (meta->records[i].id == self->poison)
      return TRUE;
  return self->limit > 0 && (meta ? meta->slots : gst_buffer_get_size (buffer)) > self->limit;
}

static GstFlowReturn
consumer_say (TestConsumer * self)
{
  GstPad *peer;
  GstElement *guard;
  gboolean again = FALSE;

  switch (self->says) {
    case SAYS_FLOW:
      return GST_FLOW_CUSTOM_ERROR_1;
    case SAYS_EVENT:
      g_assert_true (gst_pad_push_event (self->pad, gst_event_new_custom
              (GST_EVENT_CUSTOM_UPSTREAM, gst_structure_new_empty ("cuda-oom"))));
      return GST_FLOW_OK;
    case SAYS_SIGNAL:
      peer = gst_pad_get_peer (self->pad);
      guard = gst_pad_get_parent_element (peer);
      g_signal_emit_by_name (guard, "report-oom", &again);
      g_assert_true (again);
      gst_object_unref (guard);
      gst_object_unref (peer);
      return GST_FLOW_ERROR;    /* as a filter says whose function failed */
  }
  return GST_FLOW_ERROR;
}

static GstFlowReturn
consumer_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  TestConsumer *self = TEST_CONSUMER (parent);

  self->n_buffers++;
  self->was_writable = gst_buffer_is_writable (buffer);
  if (self->other != GST_FLOW_OK && self->n_buffers == 3) {
    gst_buffer_unref (buffer);
    return self->other;
  }
  if (consumer_fails (self, buffer)) {
    gst_buffer_unref (buffer);
    self->n_failures++;
    self->last_failure = self->batches->len;
    return consumer_say (self);
  }
  g_ptr_array_add (self->batches, buffer);
  return GST_FLOW_OK;
}

static gboolean
consumer_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  if (GST_EVENT_TYPE (event) == GST_EVENT_EOS)
    gst_element_post_message (GST_ELEMENT (parent), gst_message_new_eos (parent));
  gst_event_unref (event);
  return TRUE;
}

static void
test_consumer_finalize (GObject * object)
{
  TestConsumer *self = TEST_CONSUMER (object);

  g_ptr_array_unref (self->batches);
  g_clear_pointer (&self->rand, g_rand_free);
  G_OBJECT_CLASS (test_consumer_parent_class)->finalize (object);
}

static void
test_consumer_class_init (TestConsumerClass * klass)
{
  static GstStaticPadTemplate template = GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK,
      GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

  G_OBJECT_CLASS (klass)->finalize = test_consumer_finalize;
  gst_element_class_add_static_pad_template (GST_ELEMENT_CLASS (klass), &template);
  gst_element_class_set_static_metadata (GST_ELEMENT_CLASS (klass), "Consumer", "Sink",
      "Runs out of memory", "gst-seq");
}

static void
test_consumer_init (TestConsumer * self)
{
  GstPadTemplate *template = gst_element_get_pad_template (GST_ELEMENT (self), "sink");

  self->poison = G_MAXUINT64;
  self->batches = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);
  self->pad = gst_pad_new_from_template (template, "sink");
  gst_pad_set_chain_function (self->pad, consumer_chain);
  gst_pad_set_event_function (self->pad, consumer_event);
  gst_element_add_pad (GST_ELEMENT (self), self->pad);
  GST_OBJECT_FLAG_SET (self, GST_ELEMENT_FLAG_SINK);
}

/* ---- pipelines ---- */

typedef struct
{
  GstElement *pipeline, *guard, *batcher;
  TestConsumer *consumer;
  GPtrArray *messages;          /* structures of cuda-memguard, but for event=trim */
  GError *error;
  GstStructure *details;
} Run;

/* Where the 20,000 proteins of Debian's package mmseqs2-examples are; or NULL */
static gchar *
find_examples (void)
{
  const gchar *const roots[] = { "/", g_getenv ("GST_SEQ_EXAMPLES") };

  for (guint i = 0; i < G_N_ELEMENTS (roots) && roots[i]; i++) {
    gchar *path = g_build_filename (roots[i], "usr/share/doc/mmseqs2/example-data/DB.fasta.gz", NULL);

    if (g_file_test (path, G_FILE_TEST_EXISTS))
      return path;
    g_free (path);
  }
  return NULL;
}

/* 20,000 proteins where there are, else 200, @copies times */
static Run *
run_new (const gchar * sort, const gchar * batch, const gchar * guard, guint copies)
{
  g_autofree gchar *large = copies > 1 ? find_examples () : NULL;
  g_autofree gchar *small = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "proteins.fasta",
      NULL);
  g_autofree gchar *line = g_strdup_printf ("seqsrc name=src ! seqsort %s ! seqbatch name=batch %s ! "
      "cudamemguard name=guard %s", sort, batch, guard);
  Run *run = g_new0 (Run, 1);
  GError *error = NULL;
  g_autoptr (GPtrArray) files = g_ptr_array_new ();
  GstElement *src;

  run->pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  run->guard = gst_bin_get_by_name (GST_BIN (run->pipeline), "guard");
  run->batcher = gst_bin_get_by_name (GST_BIN (run->pipeline), "batch");
  src = gst_bin_get_by_name (GST_BIN (run->pipeline), "src");
  for (guint i = 0; i < (large ? 1 : copies); i++)
    g_ptr_array_add (files, large ? large : small);
  g_ptr_array_add (files, NULL);
  g_object_set (src, "locations", files->pdata, NULL);
  gst_object_unref (src);
  run->consumer = g_object_new (TEST_TYPE_CONSUMER, NULL);
  gst_bin_add (GST_BIN (run->pipeline), GST_ELEMENT (run->consumer));
  g_assert_true (gst_element_link (run->guard, GST_ELEMENT (run->consumer)));
  run->messages = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_structure_free);
  return run;
}

static void
run_free (Run * run)
{
  gst_object_unref (run->guard);
  gst_object_unref (run->batcher);
  gst_object_unref (run->pipeline);
  g_ptr_array_unref (run->messages);
  g_clear_error (&run->error);
  g_clear_pointer (&run->details, gst_structure_free);
  g_free (run);
}

static void
note_message (Run * run, GstMessage * message)
{
  const GstStructure *details = NULL, *structure = gst_message_get_structure (message);

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR && !run->error) {
    gst_message_parse_error (message, &run->error, NULL);
    gst_message_parse_error_details (message, &details);
    run->details = details ? gst_structure_copy (details) : NULL;
  } else if (gst_message_has_name (message, "cuda-memguard")
      && !g_str_equal (gst_structure_get_string (structure, "event"), "trim")) {
    g_ptr_array_add (run->messages, gst_structure_copy (structure));
  }
}

/* To EOS or an error; the consumer keeps what came */
static void
run_whole (Run * run)
{
  GstBus *bus = gst_element_get_bus (run->pipeline);
  gboolean ended = FALSE;

  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  while (!ended) {
    GstMessage *message = gst_bus_timed_pop (bus, 60 * GST_SECOND);

    g_assert_nonnull (message);
    note_message (run, message);
    ended = GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS
        || GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR;
    gst_message_unref (message);
  }
  gst_object_unref (bus);
}

static void
run_stop (Run * run)
{
  gst_element_set_state (run->pipeline, GST_STATE_NULL);
}

static guint
count_events (Run * run, const gchar * event)
{
  guint n = 0;

  for (guint i = 0; i < run->messages->len; i++)
    n += g_str_equal (gst_structure_get_string (run->messages->pdata[i], "event"), event);
  return n;
}

static void
append_records (GArray * records, GstBuffer * batch)
{
  const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);

  for (guint i = 0; i < meta->n_records; i++) {
    guint64 key = meta->records[i].id << 20 | meta->records[i].window;

    g_array_append_val (records, key);
  }
}

static GArray *
records_of (GPtrArray * batches)
{
  GArray *records = g_array_new (FALSE, FALSE, sizeof (guint64));

  for (guint i = 0; i < batches->len; i++)
    append_records (records, batches->pdata[i]);
  return records;
}

/* The same records in the same order as without any failure */
static void
assert_all_records (Run * run, const gchar * sort, const gchar * batch, guint copies)
{
  Run *plain = run_new (sort, batch, "", copies);
  g_autoptr (GArray) expected = NULL, got = records_of (run->consumer->batches);

  run_whole (plain);
  expected = records_of (plain->consumer->batches);
  g_assert_cmpmem (got->data, got->len * sizeof (guint64), expected->data,
      expected->len * sizeof (guint64));
  run_stop (plain);
  run_free (plain);
}

/* Pieces of a batch are numbered from 1, one after the other; and no piece comes without a second
 * one. Returns how many there are. */
static guint
check_numbers (GPtrArray * batches)
{
  guint64 batch = G_MAXUINT64;
  guint next = 0, pieces = 0;

  for (guint i = 0; i < batches->len; i++) {
    const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batches->pdata[i]);

    if (meta->batch != batch) {
      g_assert_cmpuint (next, !=, 2);
      g_assert_cmpuint (meta->batch, ==, batch + 1);
      g_assert_cmpuint (meta->piece, <=, 1);
      next = meta->piece;
    } else {
      g_assert_cmpuint (meta->piece, ==, next);
    }
    next++;
    batch = meta->batch;
    pieces += meta->piece > 0;
  }
  return pieces;
}

static gchar *
digest (GstBuffer * batch)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (batch);
  GString *s = g_string_new (NULL);
  guint64 number = meta->batch, offset = GST_BUFFER_OFFSET (batch);
  guint piece = meta->piece;

  /* but for the numbers */
  meta->batch = meta->piece = 0;
  GST_BUFFER_OFFSET (batch) = 0;
  GST_BUFFER_OFFSET_END (batch) = 1;
  append_digest (s, batch);
  meta->batch = number;
  meta->piece = piece;
  GST_BUFFER_OFFSET (batch) = offset;
  GST_BUFFER_OFFSET_END (batch) = offset + 1;
  return g_string_free (s, FALSE);
}

/* ---- what seqbatch makes of the records of a piece ---- */

typedef struct
{
  GPtrArray *names, *residues;  /* by id */
} Records;

static GstPadProbeReturn
collect_block (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  GstBuffer *block = GST_PAD_PROBE_INFO_BUFFER (info);
  Records *records = data;

  for (guint i = 0; i < gst_seq_block_get_n_records (block); i++) {
    g_ptr_array_add (records->names, gst_seq_block_dup_name (block, i));
    g_ptr_array_add (records->residues, gst_seq_block_dup_residues (block, i));
  }
  return GST_PAD_PROBE_OK;
}

static void
watch_records (Run * run, Records * records)
{
  GstElement *src = gst_bin_get_by_name (GST_BIN (run->pipeline), "src");
  GstPad *pad = gst_element_get_static_pad (src, "src");

  records->names = g_ptr_array_new_with_free_func (g_free);
  records->residues = g_ptr_array_new_with_free_func (g_free);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, collect_block, records, NULL);
  gst_object_unref (pad);
  gst_object_unref (src);
}

static void
clear_records (Records * records)
{
  g_ptr_array_unref (records->names);
  g_ptr_array_unref (records->residues);
}

/* One batch of the piece's records, one block each, as their ids need not follow each other */
static void
check_identical (GstBuffer * piece, const Records * records, const gchar * properties)
{
  const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (piece);
  GstHarness *h = harness_new (properties);
  g_autofree gchar *got = digest (piece), *expected = NULL;
  GstBuffer *batch;

  for (guint i = 0; i < meta->n_records; i++) {
    guint64 id = meta->records[i].id;
    g_autoptr (GstSeqBlockBuilder) builder = gst_seq_block_builder_new (id);

    g_assert_true (gst_seq_block_builder_add (builder, records->names->pdata[id], -1,
            records->residues->pdata[id], -1, NULL));
    g_assert_cmpint (gst_harness_push (h, gst_seq_block_builder_finish (builder)), ==, GST_FLOW_OK);
  }
  push_eos (h);
  batch = gst_harness_pull (h);
  expected = digest (batch);
  g_assert_cmpstr (got, ==, expected);
  gst_buffer_unref (batch);
  harness_free (h);
}

static void
check_pieces (Run * run, const Records * records, const gchar * properties)
{
  guint pieces = 0;

  for (guint i = 0; i < run->consumer->batches->len; i++) {
    GstBuffer *batch = run->consumer->batches->pdata[i];

    if (gst_buffer_get_seq_batch_meta (batch)->piece > 0 && pieces++ < 200)
      check_identical (batch, records, properties);
  }
  g_assert_cmpuint (pieces, >, 1);
}

/* ---- tests ---- */

#define SORTED "order=descending"
#define UNSORTED "order=shuffle seed=5"

/* A limit below what batches have: all records once and in order, pieces as seqbatch makes them,
 * two replays at most for each failure, and upstream makes batches that fit. */
static void
check_limit (const gchar * sort, const gchar * layout, guint64 limit, Says says)
{
  g_autofree gchar *batch = g_strdup_printf ("batch-size=0 max-tokens=16384 max-length=2400 workers=2 %s",
      layout);
  g_autofree gchar *one = g_strdup_printf ("batch-size=0 max-length=2400 %s", layout);
  Run *run = run_new (sort, batch, "", 60);
  Records records;
  guint64 ooms, replays, budget;

  run->consumer->limit = limit;
  run->consumer->says = says;
  watch_records (run, &records);
  run_whole (run);
  g_assert_no_error (run->error);
  assert_all_records (run, sort, batch, 60);
  g_assert_cmpuint (check_numbers (run->consumer->batches), >, 1);
  check_pieces (run, &records, one);

  ooms = get_stat (run->guard, "ooms");
  replays = get_stat (run->guard, "replays");
  budget = get_stat (run->guard, "budget-tokens");
  g_test_message ("limit %" G_GUINT64_FORMAT ": budget %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT
      " failures, the last before batch %u of %u, %" G_GUINT64_FORMAT " replays", limit, budget, ooms,
      run->consumer->last_failure, run->consumer->batches->len, replays);
  g_assert_cmpuint (ooms, ==, run->consumer->n_failures);
  g_assert_cmpuint (replays, <=, 2 * ooms);
  g_assert_cmpuint (get_stat (run->guard, "splits"), >, 0);
  g_assert_cmpuint (get_stat (run->guard, "skipped"), ==, 0);
  g_assert_cmpuint (run->consumer->batches->len, >, 250);
  g_assert_cmpuint (run->consumer->last_failure, <=, 200);
  g_assert_cmpuint (budget, <=, limit);
  g_assert_cmpuint (budget, >=, limit * 9 / 10);
  g_assert_cmpuint (get_stat (run->batcher, "budget-tokens"), ==, budget);
  g_assert_cmpuint (count_events (run, "oom"), ==, count_events (run, "recovered"));
  g_assert_cmpuint (count_events (run, "oom"), >, 0);
  run_stop (run);
  run_free (run);
  clear_records (&records);
}

static void
test_limit_flow (void)
{
  check_limit (SORTED, "", 9000, SAYS_FLOW);
  check_limit (UNSORTED, "", 7000, SAYS_FLOW);
}

static void
test_limit_event (void)
{
  check_limit (UNSORTED, "pad-to-multiple=8 mask=false", 12000, SAYS_EVENT);
}

static void
test_limit_signal (void)
{
  check_limit (UNSORTED, "layout=packed window=0 positions=true", 10000, SAYS_SIGNAL);
}

/* Vectors are as many slots as ids are. */
static void
test_limit_one_hot (void)
{
  check_limit (UNSORTED, "tokenizer=enformer pad-side=left truncate=left", 7000, SAYS_FLOW);
}

/* The limit goes up through a queue with another thread. */
static void
test_through_queue (void)
{
  const gchar *batch = "batch-size=0 max-tokens=16384 max-length=2400 workers=2 ! pinnedqueue";
  Run *run = run_new (UNSORTED, batch, "", 60);
  guint64 budget;

  run->consumer->limit = 9000;
  run_whole (run);
  g_assert_no_error (run->error);
  assert_all_records (run, UNSORTED, batch, 60);
  check_numbers (run->consumer->batches);
  budget = get_stat (run->guard, "budget-tokens");
  g_assert_cmpuint (budget, <=, 9000);
  g_assert_cmpuint (budget, >=, 8100);
  g_assert_cmpuint (get_stat (run->batcher, "budget-tokens"), ==, budget);
  run_stop (run);
  run_free (run);
}

/* A consumer that fails whatever the size: nothing is lost, and batches stay as large. */
static void
check_random (gdouble rate, guint32 seed)
{
  const gchar *batch = "batch-size=64 max-length=2400 workers=2";
  Run *run = run_new (UNSORTED, batch, "", 60);
  Records records;
  guint64 ooms, replays, budget;

  run->consumer->rate = rate;
  run->consumer->rand = g_rand_new_with_seed (seed);
  watch_records (run, &records);
  run_whole (run);
  g_assert_no_error (run->error);
  assert_all_records (run, UNSORTED, batch, 60);
  check_numbers (run->consumer->batches);
  check_pieces (run, &records, "batch-size=0 max-length=2400");

  ooms = get_stat (run->guard, "ooms");
  replays = get_stat (run->guard, "replays");
  budget = get_stat (run->guard, "budget-tokens");
  g_test_message ("rate %.2f: %" G_GUINT64_FORMAT " failures in %u batches, %" G_GUINT64_FORMAT
      " replays, budget %" G_GUINT64_FORMAT, rate, ooms, run->consumer->batches->len, replays,
      budget);
  g_assert_cmpuint (ooms, >, 5);
  g_assert_cmpuint (ooms, ==, run->consumer->n_failures);
  g_assert_cmpuint (replays, <=, 2 * ooms);
  /* rows of some 1,500 slots on average; the whole stays within reach */
  if (budget > 0)
    g_assert_cmpuint (budget, >=, 64 * 1500 * 3 / 4);
  run_stop (run);
  run_free (run);
  clear_records (&records);
}

static void
test_random (void)
{
  check_random (0.1, 2);
  check_random (0.2, 3);
}

/* One record that never fits: the error names it, and what comes before has been delivered. */
static void
test_one_record_error (void)
{
  Run *run = run_new (SORTED, "batch-size=16", "", 1);
  g_autoptr (GArray) got = NULL;
  const gchar *name;
  guint64 id = 0, tokens = 0;
  gchar *text;

  run->consumer->poison = 77;
  run_whole (run);
  g_assert_error (run->error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT);
  g_assert_true (gst_structure_get_uint64 (run->details, "record", &id));
  g_assert_true (gst_structure_get_uint64 (run->details, "tokens", &tokens));
  name = gst_structure_get_string (run->details, "name");
  g_assert_cmpuint (id, ==, 77);
  text = g_strdup_printf ("record 77 '%s' of %" G_GUINT64_FORMAT " tokens", name, tokens);
  g_assert_nonnull (strstr (run->error->message, text));
  g_free (text);
  got = records_of (run->consumer->batches);
  for (guint i = 0; i < got->len; i++)
    g_assert_cmpuint (g_array_index (got, guint64, i) >> 20, !=, 77);
  run_stop (run);
  run_free (run);
}

static void
test_one_record_skip (void)
{
  Run *run = run_new (SORTED, "batch-size=16", "on-oom=skip", 1);
  Run *plain = run_new (SORTED, "batch-size=16", "", 1);
  g_autoptr (GArray) got = NULL, expected = NULL;
  guint64 id = 0, tokens = 0;
  guint skipped = 0;

  run->consumer->poison = 77;
  run_whole (run);
  run_whole (plain);
  g_assert_no_error (run->error);
  got = records_of (run->consumer->batches);
  expected = records_of (plain->consumer->batches);
  for (guint i = 0; i < expected->len; i++)
    if (g_array_index (expected, guint64, i) >> 20 == 77)
      g_array_remove_index (expected, i);
  g_assert_cmpmem (got->data, got->len * sizeof (guint64), expected->data,
      expected->len * sizeof (guint64));
  g_assert_cmpuint (get_stat (run->guard, "skipped"), ==, 1);
  for (guint i = 0; i < run->messages->len; i++) {
    const GstStructure *message = run->messages->pdata[i];

    if (!gst_structure_has_field (message, "records-skipped"))
      continue;
    skipped++;
    g_assert_cmpstr (gst_structure_get_string (message, "event"), ==, "oom");
    g_assert_true (gst_structure_get (message, "record", G_TYPE_UINT64, &id, "tokens",
            G_TYPE_UINT64, &tokens, NULL));
    g_assert_cmpuint (id, ==, 77);
    g_assert_cmpuint (tokens, >, 2);
    g_assert_nonnull (gst_structure_get_string (message, "name"));
  }
  g_assert_cmpuint (skipped, ==, 1);
  run_stop (run);
  run_stop (plain);
  run_free (run);
  run_free (plain);
}

/* ---- without a pipeline ---- */

typedef struct
{
  GstElement *guard;
  TestConsumer *consumer;
  GstPad *src;
  GstBus *bus;
} Bench;

static void
bench_init (Bench * bench, const gchar * property, const gchar * value)
{
  GstPad *sink;
  GstSegment segment;

  bench->guard = gst_element_factory_make ("cudamemguard", NULL);
  bench->consumer = g_object_new (TEST_TYPE_CONSUMER, NULL);
  gst_object_ref_sink (bench->guard);
  gst_object_ref_sink (bench->consumer);
  if (property)
    gst_util_set_object_arg (G_OBJECT (bench->guard), property, value);
  bench->bus = gst_bus_new ();
  gst_element_set_bus (bench->guard, bench->bus);
  bench->src = gst_pad_new ("src", GST_PAD_SRC);
  sink = gst_element_get_static_pad (bench->guard, "sink");
  g_assert_cmpint (gst_pad_link (bench->src, sink), ==, GST_PAD_LINK_OK);
  gst_object_unref (sink);
  g_assert_true (gst_element_link (bench->guard, GST_ELEMENT (bench->consumer)));
  gst_element_set_state (GST_ELEMENT (bench->consumer), GST_STATE_PLAYING);
  gst_element_set_state (bench->guard, GST_STATE_PLAYING);
  gst_pad_set_active (bench->src, TRUE);
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  gst_pad_push_event (bench->src, gst_event_new_stream_start ("test"));
  gst_pad_push_event (bench->src, gst_event_new_segment (&segment));
}

static void
bench_clear (Bench * bench)
{
  gst_pad_set_active (bench->src, FALSE);
  gst_element_set_state (bench->guard, GST_STATE_NULL);
  gst_element_set_state (GST_ELEMENT (bench->consumer), GST_STATE_NULL);
  gst_element_unlink (bench->guard, GST_ELEMENT (bench->consumer));
  gst_bus_set_flushing (bench->bus, TRUE);
  gst_element_set_bus (bench->guard, NULL);
  gst_object_unref (bench->bus);
  gst_object_unref (bench->src);
  gst_object_unref (bench->guard);
  gst_object_unref (bench->consumer);
}

static GstBuffer *
one_batch (const gchar * properties, const gchar * sink_caps, const gchar * list)
{
  GstHarness *h = harness_new_full (properties, sink_caps);
  GstBuffer *batch;

  g_assert_cmpint (push_list (h, list), ==, GST_FLOW_OK);
  push_eos (h);
  batch = gst_harness_pull (h);
  harness_free (h);
  return batch;
}

/* Buffers of any kind are tried again, but not split; their loss is an error that says how large. */
static void
test_any_buffer (void)
{
  Bench bench;

  bench_init (&bench, NULL, NULL);
  bench.consumer->limit = 10;
  g_assert_cmpint (gst_pad_push (bench.src, gst_buffer_new_allocate (NULL, 10, NULL)), ==,
      GST_FLOW_OK);
  g_assert_false (bench.consumer->was_writable);
  g_assert_true (gst_buffer_is_writable (bench.consumer->batches->pdata[0]));
  g_assert_cmpint (gst_pad_push (bench.src, gst_buffer_new_allocate (NULL, 11, NULL)), ==,
      GST_FLOW_ERROR);
  g_assert_cmpuint (bench.consumer->n_failures, ==, 2);
  assert_one_error (bench.guard, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT,
      "a buffer of 11 bytes");
  g_object_set (bench.guard, "on-oom", 1, NULL);
  g_assert_cmpint (gst_pad_push (bench.src, gst_buffer_new_allocate (NULL, 11, NULL)), ==,
      GST_FLOW_OK);
  g_assert_cmpuint (get_stat (bench.guard, "skipped"), ==, 1);
  assert_no_error_posted (bench.guard);
  bench_clear (&bench);
}

static void
test_static_tensors (void)
{
  Bench bench;
  GstBuffer *batch = one_batch ("pad-to=14 batch-size=3", "other/tensors,format=static", "A,C,D");

  bench_init (&bench, "on-oom", "skip");
  bench.consumer->limit = 10;
  g_assert_cmpint (gst_pad_push (bench.src, batch), ==, GST_FLOW_OK);
  g_assert_cmpuint (get_stat (bench.guard, "skipped"), ==, 3);
  g_assert_cmpuint (get_stat (bench.guard, "splits"), ==, 0);
  bench_clear (&bench);
}

/* Sequences without a token in a packed batch go with a neighbour. */
static void
test_empty_sequences (void)
{
  Bench bench;
  GstBuffer *batch = one_batch ("tokenizer=bytes layout=packed window=0", NULL, ",,AAAA,,,CCC,,");
  g_autoptr (GArray) got = NULL;

  bench_init (&bench, NULL, NULL);
  bench.consumer->limit = 4;
  g_assert_cmpint (gst_pad_push (bench.src, batch), ==, GST_FLOW_OK);
  got = records_of (bench.consumer->batches);
  g_assert_cmpuint (got->len, ==, 8);
  for (guint i = 0; i < 8; i++)
    g_assert_cmpuint (g_array_index (got, guint64, i) >> 20, ==, i);
  assert_no_error_posted (bench.guard);

  /* the error names the one that has tokens */
  bench.consumer->limit = 2;
  batch = one_batch ("tokenizer=bytes layout=packed window=0", NULL, ",,AAAA,");
  g_assert_cmpint (gst_pad_push (bench.src, batch), ==, GST_FLOW_ERROR);
  assert_one_error (bench.guard, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT,
      "record 2 'r2' of 4 tokens, with 3 others");
  bench_clear (&bench);
}

/* Any other end goes up as it is, also from the middle of the pieces. */
static void
test_other_flow (void)
{
  static const GstFlowReturn flows[] = { GST_FLOW_FLUSHING, GST_FLOW_EOS, GST_FLOW_ERROR,
    GST_FLOW_NOT_LINKED, GST_FLOW_CUSTOM_ERROR
  };

  for (guint i = 0; i < G_N_ELEMENTS (flows); i++) {
    Bench bench;

    bench_init (&bench, NULL, NULL);
    bench.consumer->limit = 9;
    bench.consumer->other = flows[i];   /* for the first half */
    g_assert_cmpint (gst_pad_push (bench.src, one_batch ("", NULL, "A,C,D,E")), ==, flows[i]);
    g_assert_cmpuint (bench.consumer->n_buffers, ==, 3);
    g_assert_cmpuint (bench.consumer->batches->len, ==, 0);
    assert_no_error_posted (bench.guard);
    bench_clear (&bench);
  }
}

/* Outside of a push a report trims and halves. */
static void
test_report_outside (void)
{
  Bench bench;
  gboolean again = TRUE;

  bench_init (&bench, NULL, NULL);
  g_assert_cmpint (gst_pad_push (bench.src, one_batch ("", NULL, "AA,C,D,E")), ==, GST_FLOW_OK);
  g_signal_emit_by_name (bench.guard, "report-oom", &again);
  g_assert_false (again);
  g_assert_cmpuint (get_stat (bench.guard, "budget-tokens"), ==, 8);
  g_assert_cmpuint (get_stat (bench.guard, "trims"), ==, 1);
  g_assert_cmpuint (get_stat (bench.guard, "ooms"), ==, 0);
  g_assert_true (gst_pad_push_event (bench.consumer->pad, gst_event_new_custom
          (GST_EVENT_CUSTOM_UPSTREAM, gst_structure_new_empty ("cuda-oom"))));
  g_assert_cmpuint (get_stat (bench.guard, "budget-tokens"), ==, 4);
  bench_clear (&bench);
}

typedef struct
{
  GstElement *guard;
  guint n_events;
  guint64 budget;               /* of the event that has come last */
} Budgets;

/* While the first one is on its way another report changes the budget. */
static gboolean
take_budget (GstPad * pad, GstObject * parent, GstEvent * event)
{
  Budgets *budgets = gst_pad_get_element_private (pad);
  const GstStructure *structure = gst_event_get_structure (event);
  gboolean again;

  if (structure && gst_structure_has_name (structure, "batch-budget")) {
    if (budgets->n_events++ == 0)
      g_signal_emit_by_name (budgets->guard, "report-oom", &again);
    g_assert_true (gst_structure_get_uint64 (structure, "max-tokens", &budgets->budget));
  }
  gst_event_unref (event);
  return TRUE;
}

static void
test_budget_last_heard (void)
{
  Budgets budgets = { 0 };
  gboolean again;
  Bench bench;

  bench_init (&bench, NULL, NULL);
  g_assert_cmpint (gst_pad_push (bench.src, one_batch ("", NULL, "AA,C,D,E")), ==, GST_FLOW_OK);
  budgets.guard = bench.guard;
  gst_pad_set_element_private (bench.src, &budgets);
  gst_pad_set_event_function (bench.src, take_budget);
  g_signal_emit_by_name (bench.guard, "report-oom", &again);
  g_assert_cmpuint (get_stat (bench.guard, "budget-tokens"), ==, 4);
  g_assert_cmpuint (budgets.budget, ==, 4);
  bench_clear (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/cudamemguard/oom/limit-flow", test_limit_flow);
  g_test_add_func ("/cudamemguard/oom/limit-event", test_limit_event);
  g_test_add_func ("/cudamemguard/oom/limit-signal", test_limit_signal);
  g_test_add_func ("/cudamemguard/oom/limit-one-hot", test_limit_one_hot);
  g_test_add_func ("/cudamemguard/oom/through-queue", test_through_queue);
  g_test_add_func ("/cudamemguard/oom/random", test_random);
  g_test_add_func ("/cudamemguard/oom/one-record-error", test_one_record_error);
  g_test_add_func ("/cudamemguard/oom/one-record-skip", test_one_record_skip);
  g_test_add_func ("/cudamemguard/oom/any-buffer", test_any_buffer);
  g_test_add_func ("/cudamemguard/oom/static-tensors", test_static_tensors);
  g_test_add_func ("/cudamemguard/oom/empty-sequences", test_empty_sequences);
  g_test_add_func ("/cudamemguard/oom/other-flow", test_other_flow);
  g_test_add_func ("/cudamemguard/oom/report-outside", test_report_outside);
  g_test_add_func ("/cudamemguard/oom/budget-last-heard", test_budget_last_heard);
  return g_test_run ();
}
