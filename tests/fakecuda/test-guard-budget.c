/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "caching-allocator.h"
#include "fakecuda-test.h"

#include <glib/gstdio.h>

/* Batches of proteins from seqbatch through cudamemguard into what allocates device memory for
 * them and runs out of it: on the fake driver, through the caching allocator. */

#define BYTES_PER_SLOT 8192
#define MODEL (256 * MIB)

typedef struct
{
  GstElement *pipeline, *guard;
  CachingAllocator *allocator;
  GstSeqMemoryProvider *provider;
  GstPad *sink;
  GPtrArray *events;            /* of messages of the guard, as structures */
  guint64 next_row;             /* row that has to come next, in order of the input */
  guint64 largest;              /* batch that passed */
  guint failures;
  GError *error;
} Run;

/* Activations: three blocks for the batch */
static GstFlowReturn
model_chain (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  Run *run = gst_pad_get_element_private (pad);
  const GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (buffer);
  CUdeviceptr blocks[3] = { 0 };
  gboolean ok = TRUE;
  guint i;

  for (i = 0; i < 3 && ok; i++)
    ok = caching_allocator_alloc (run->allocator, meta->slots * (BYTES_PER_SLOT / 4) * (i == 0 ? 2
            : 1), &blocks[i]) == CUDA_SUCCESS;
  for (i = 0; i < 3; i++)
    if (blocks[i] != 0)
      caching_allocator_release (run->allocator, blocks[i]);
  for (i = 0; i < meta->n_records && ok; i++)
    g_assert_cmpuint (meta->records[i].id, ==, run->next_row++);
  if (ok)
    run->largest = MAX (run->largest, meta->slots);
  else
    run->failures++;
  gst_buffer_unref (buffer);
  return ok ? GST_FLOW_OK : GST_FLOW_CUSTOM_ERROR_1;
}

static gboolean
model_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  Run *run = gst_pad_get_element_private (pad);

  if (GST_EVENT_TYPE (event) == GST_EVENT_EOS)
    gst_element_post_message (run->guard, gst_message_new_application (NULL,
            gst_structure_new_empty ("done")));
  gst_event_unref (event);
  return TRUE;
}

static void
run_init (Run * run, const gchar * config, const gchar * batch, const gchar * guard)
{
  gchar *file = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "proteins.fasta", NULL);
  gchar *line = g_strdup_printf ("seqsrc name=src location=\"%s\" ! seqbatch %s ! "
      "cudamemguard name=guard %s", file, batch, guard);
  CUdeviceptr weights;
  GstPad *src;

  *run = (Run) { .events = g_ptr_array_new_with_free_func ((GDestroyNotify) gst_structure_free) };
  begin (config);
  run->allocator = caching_allocator_new (cuda_driver_get (NULL), 0);
  run->provider = caching_provider_new (run->allocator);
  assert_ok (caching_allocator_alloc (run->allocator, MODEL, &weights));
  run->pipeline = gst_parse_launch (line, NULL);
  g_assert_nonnull (run->pipeline);
  run->guard = gst_bin_get_by_name (GST_BIN (run->pipeline), "guard");
  g_signal_emit_by_name (run->guard, "add-provider", run->provider);
  run->sink = gst_object_ref_sink (gst_pad_new ("sink", GST_PAD_SINK));
  gst_pad_set_element_private (run->sink, run);
  gst_pad_set_chain_function (run->sink, model_chain);
  gst_pad_set_event_function (run->sink, model_event);
  gst_pad_set_active (run->sink, TRUE);
  src = gst_element_get_static_pad (run->guard, "src");
  g_assert_cmpint (gst_pad_link (src, run->sink), ==, GST_PAD_LINK_OK);
  gst_object_unref (src);
  g_free (line);
  g_free (file);
}

static void
run_whole (Run * run)
{
  GstBus *bus = gst_element_get_bus (run->pipeline);
  gboolean ended = FALSE;

  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  while (!ended) {
    GstMessage *message = gst_bus_timed_pop (bus, 60 * GST_SECOND);

    g_assert_nonnull (message);
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR && run->error == NULL)
      gst_message_parse_error (message, &run->error, NULL);
    else if (gst_message_has_name (message, "cuda-memguard"))
      g_ptr_array_add (run->events, gst_structure_copy (gst_message_get_structure (message)));
    ended = GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR
        || GST_MESSAGE_TYPE (message) == GST_MESSAGE_APPLICATION;
    gst_message_unref (message);
  }
  gst_object_unref (bus);
}

static void
run_clear (Run * run)
{
  gst_element_set_state (run->pipeline, GST_STATE_NULL);
  gst_pad_set_active (run->sink, FALSE);
  gst_object_unref (run->sink);
  gst_object_unref (run->guard);
  gst_object_unref (run->pipeline);
  g_object_unref (run->provider);
  caching_allocator_free (run->allocator);
  g_ptr_array_unref (run->events);
  g_clear_error (&run->error);
}

static guint64
stat_of (Run * run, const gchar * name)
{
  GstStructure *stats = NULL;
  guint64 value = 0;

  g_object_get (run->guard, "stats", &stats, NULL);
  if (!gst_structure_get_uint64 (stats, name, &value))
    g_error ("no field %s", name);
  gst_structure_free (stats);
  return value;
}

static const GstStructure *
find_event (Run * run, const gchar * event)
{
  guint i;

  for (i = 0; i < run->events->len; i++)
    if (g_str_equal (gst_structure_get_string (run->events->pdata[i], "event"), event))
      return run->events->pdata[i];
  return NULL;
}

/* Memory for 90,000 slots or so; batches of 32 records have up to 74,000: nothing fails. */
static void
test_enough (void)
{
  Run run;

  run_init (&run, "total_mb=1024", "", "");
  run_whole (&run);
  g_assert_no_error (run.error);
  g_assert_cmpuint (run.failures, ==, 0);
  g_assert_cmpuint (run.next_row, ==, 200);
  g_assert_null (find_event (&run, "oom"));
  run_clear (&run);
  end ();
}

/* Half of it: every record arrives, in order, and every failure is told. */
static void
test_too_little (void)
{
  const GstStructure *oom, *recovered;
  Run run;

  run_init (&run, "total_mb=512", "", "");
  run_whole (&run);
  g_assert_no_error (run.error);
  g_assert_cmpuint (run.next_row, ==, 200);
  g_assert_cmpuint (run.failures, >, 0);
  g_assert_cmpuint (stat_of (&run, "ooms"), ==, run.failures);
  g_assert_cmpuint (stat_of (&run, "replays"), <=, 2 * run.failures);
  g_test_message ("%u failures, budget %" G_GUINT64_FORMAT ", largest batch %" G_GUINT64_FORMAT,
      run.failures, stat_of (&run, "budget-tokens"), run.largest);
  g_assert_cmpuint (stat_of (&run, "budget-tokens"), >, 0);
  g_assert_cmpuint (stat_of (&run, "budget-tokens") * BYTES_PER_SLOT, <=, 256 * MIB);
  oom = find_event (&run, "oom");
  recovered = find_event (&run, "recovered");
  g_assert_true (oom != NULL && recovered != NULL);
  g_assert_true (gst_structure_has_field_typed (recovered, "budget-tokens", G_TYPE_UINT64));
  run_clear (&run);
  end ();
}

/* Batches become larger and larger, and peaks tell when it will be too much: nothing fails. */
static void
test_prediction (void)
{
  gchar *dir = g_dir_make_tmp ("guard-budget-XXXXXX", NULL);
  gchar *path = g_build_filename (dir, "growing.fasta", NULL);
  GString *fasta = g_string_new (NULL);
  GstElement *src;
  guint64 budget;
  Run run;
  guint i, k;

  for (i = 0; i < 4000; i++) {
    g_string_append_printf (fasta, ">r%u\n", i);
    for (k = 0; k < 100 + i / 2; k++)
      g_string_append_c (fasta, "ACDEFGHIKLMNPQRSTVWY"[k % 20]);
    g_string_append_c (fasta, '\n');
  }
  g_assert_true (g_file_set_contents (path, fasta->str, fasta->len, NULL));

  /* a sample after each batch, so that each growth is seen */
  run_init (&run, "total_mb=640", "batch-size=32", "track=true interval=1");
  src = gst_bin_get_by_name (GST_BIN (run.pipeline), "src");
  g_object_set (src, "location", path, NULL);
  gst_object_unref (src);
  run_whole (&run);
  g_assert_no_error (run.error);
  budget = stat_of (&run, "budget-tokens");
  g_test_message ("%u failures, budget %" G_GUINT64_FORMAT ", largest batch %" G_GUINT64_FORMAT,
      run.failures, budget, run.largest);
  g_assert_cmpuint (run.next_row, ==, 4000);
  g_assert_cmpuint (run.failures, ==, 0);
  g_assert_cmpuint (run.largest * BYTES_PER_SLOT, <=, 384 * MIB);
  g_assert_cmpuint (run.largest * BYTES_PER_SLOT, >=, 384 * MIB * 3 / 4);
  run_clear (&run);
  end ();
  g_assert_cmpint (g_remove (path), ==, 0);
  g_assert_cmpint (g_remove (dir), ==, 0);
  g_string_free (fasta, TRUE);
  g_free (path);
  g_free (dir);
}

/* The context is lost in the middle of the ladder: that is the end, whatever on-oom says. */
static void
test_lost_context (void)
{
  Run run;

  run_init (&run, "total_mb=400,sticky=719@CtxSynchronize", "", "on-oom=skip");
  run_whole (&run);
  g_assert_error (run.error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED);
  g_assert_nonnull (strstr (run.error->message, "CUDA_ERROR_LAUNCH_FAILED (719)"));
  g_assert_cmpuint (run.failures, ==, 1);
  g_assert_cmpuint (stat_of (&run, "skipped"), ==, 0);
  run_clear (&run);
  fake->configure ("");
}

/* Every field that is documented, with its type */
static void
test_fields (void)
{
  static const struct
  {
    const gchar *name;
    GType type;
  } fields[] = {
    {"event", G_TYPE_STRING}, {"batch", G_TYPE_UINT64}, {"device-id", G_TYPE_INT},
    {"source", G_TYPE_STRING}, {"allocated", G_TYPE_UINT64}, {"reserved", G_TYPE_UINT64},
    {"free", G_TYPE_UINT64}, {"total", G_TYPE_UINT64}, {"peak", G_TYPE_UINT64},
    {"fragmentation", G_TYPE_DOUBLE}, {"releasable", G_TYPE_UINT64},
    {"stranded", G_TYPE_UINT64}, {"batches-since-trim", G_TYPE_UINT64},
    {"sample-every", G_TYPE_UINT64}, {"suggested-batch-size", G_TYPE_UINT},
    {"reason", G_TYPE_STRING}, {"trims-deferred", G_TYPE_UINT64}, {"ooms", G_TYPE_UINT64},
    {"replays", G_TYPE_UINT64}, {"splits", G_TYPE_UINT64}, {"skipped", G_TYPE_UINT64},
    {"budget-tokens", G_TYPE_UINT64}, {"budget-records", G_TYPE_UINT},
    {"allocated-change", G_TYPE_INT64}, {"reserved-change", G_TYPE_INT64},
    {"max-allocated-change", G_TYPE_INT64}, {"max-reserved-change", G_TYPE_INT64},
    {"freed", G_TYPE_UINT64}, {"trim-time", G_TYPE_UINT64}, {"batches", G_TYPE_UINT64},
    {"records", G_TYPE_UINT64}, {"tokens", G_TYPE_UINT64}, {"trims", G_TYPE_UINT64},
  };
  static const guint n_in_trim = 29;    /* the others are totals */
  GstStructure *stats = NULL;
  const GstStructure *trim;
  const gchar *blurb;
  Run run;
  guint i;

  run_init (&run, "total_mb=512", "", "track=true interval=2");
  run_whole (&run);
  g_assert_no_error (run.error);
  trim = find_event (&run, "trim");
  g_assert_nonnull (trim);
  g_object_get (run.guard, "stats", &stats, NULL);
  blurb = g_param_spec_get_blurb (g_object_class_find_property (G_OBJECT_GET_CLASS (run.guard),
          "stats"));
  for (i = 0; i < G_N_ELEMENTS (fields); i++) {
    if (!gst_structure_has_field_typed (stats, fields[i].name, fields[i].type))
      g_error ("stats: no %s of type %s", fields[i].name, g_type_name (fields[i].type));
    if (i < n_in_trim && !gst_structure_has_field_typed (trim, fields[i].name, fields[i].type))
      g_error ("trim: no %s of type %s", fields[i].name, g_type_name (fields[i].type));
    if (strstr (blurb, fields[i].name) == NULL)
      g_error ("%s is not documented", fields[i].name);
  }
  gst_structure_free (stats);
  run_clear (&run);
  end ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  g_test_add_func ("/guard-budget/enough", test_enough);
  g_test_add_func ("/guard-budget/too-little", test_too_little);
  g_test_add_func ("/guard-budget/prediction", test_prediction);
  g_test_add_func ("/guard-budget/lost-context", test_lost_context);
  g_test_add_func ("/guard-budget/fields", test_fields);
  return run_fakecuda_tests ();
}
