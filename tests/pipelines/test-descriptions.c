/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pipelines.h"

#include <glib/gstdio.h>
#include <unistd.h>

/* The descriptions as gst-launch-1.0 takes them, the presets, and records that do not arrive. */

static void
set_location (GstElement * pipeline, const gchar * element, const gchar * location)
{
  GstElement *child = gst_bin_get_by_name (GST_BIN (pipeline), element);

  g_assert_nonnull (child);
  g_object_set (child, "location", location, NULL);
  gst_object_unref (child);
}

static void
test_parse (gconstpointer name)
{
  gboolean is_translation = g_str_equal (name, "translate.launch");
  gboolean is_file = is_translation || g_str_equal (name, "sort-fasta.launch");
  gchar *path = g_build_filename (g_getenv ("GST_SEQ_PIPELINES"), name, NULL), *text;
  gchar *input = is_translation || g_str_equal (name, "nucleotide.launch") ? example_reads () :
      example_proteins ();
  gchar *output = NULL;
  GstElement *pipeline;
  gint fd;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  pipeline = launch ("%s", text);
  set_location (pipeline, "src", input);
  if (is_file) {
    fd = g_file_open_tmp ("written-XXXXXX", &output, NULL);
    g_assert_cmpint (fd, >=, 0);
    close (fd);
    set_location (pipeline, "sink", output);
  }
  run_to_eos (pipeline, NULL);
  if (!is_file)
    g_assert_cmpuint (stats_number (pipeline, "guard", "records"), ==,
        stats_number (pipeline, "src", "records"));
  if (is_translation) {
    g_assert_cmpuint (stats_number (pipeline, "translate", "records-in"), ==,
        stats_number (pipeline, "src", "records"));
    g_assert_cmpuint (stats_number (pipeline, "translate", "records-out"), >, 0);
  }
  end_pipeline (pipeline);
  if (output)
    g_unlink (output);
  g_free (output);
  g_free (input);
  g_free (text);
  g_free (path);
}

static void
test_presets (void)
{
  static const struct
  {
    const gchar *name, *tokenizer;
    guint max_length;
  } presets[] = {
    {"esm2", "esm2", 1024}, {"dnabert", "dnabert6", 512}, {"nt", "nt6", 2048},
  };

  for (guint i = 0; i < G_N_ELEMENTS (presets); i++) {
    gboolean is_protein = g_str_equal (presets[i].name, "esm2");
    gchar *input = is_protein ? example_proteins () : example_reads ();
    GstElement *pipeline = launch ("seqsrc name=src location=\"%s\" ! seqsort ! "
        "seqbatch name=batch @preset=%s ! fakesink", input, presets[i].name);
    GstElement *batch = gst_bin_get_by_name (GST_BIN (pipeline), "batch");
    gchar *tokenizer;
    guint max_length;

    g_object_get (batch, "tokenizer", &tokenizer, "max-length", &max_length, NULL);
    g_assert_cmpstr (tokenizer, ==, presets[i].tokenizer);
    g_assert_cmpuint (max_length, ==, presets[i].max_length);
    run_to_eos (pipeline, NULL);
    g_assert_cmpuint (stats_number (pipeline, "batch", "records"), ==,
        stats_number (pipeline, "src", "records"));
    end_pipeline (pipeline);
    gst_object_unref (batch);
    g_free (tokenizer);
    g_free (input);
  }
}

/* In processes of their own, whose user has saved a preset or does it now. */
static void
save_preset (void)
{
  GstElement *batch = gst_element_factory_make ("seqbatch", NULL);

  g_object_set (batch, "batch-size", 7, NULL);
  g_assert_true (gst_preset_save_preset (GST_PRESET (batch), "mine"));
  gst_object_unref (batch);
}

static void
load_presets (void)
{
  GstElement *batch = gst_element_factory_make ("seqbatch", NULL);
  guint batch_size, max_length;

  g_assert_true (gst_preset_load_preset (GST_PRESET (batch), "mine"));
  g_object_get (batch, "batch-size", &batch_size, NULL);
  g_assert_cmpuint (batch_size, ==, 7);
  g_assert_true (gst_preset_load_preset (GST_PRESET (batch), "nt"));
  g_object_get (batch, "max-length", &max_length, NULL);
  g_assert_cmpuint (max_length, ==, 2048);
  gst_object_unref (batch);
}

/* What a user has saved without presets that are installed now does not hide them. */
static void
test_saved_preset (void)
{
  g_autofree gchar *dir = g_dir_make_tmp ("presets-XXXXXX", NULL);
  g_autofree gchar *data_home = g_strdup (g_getenv ("XDG_DATA_HOME"));
  g_autofree gchar *installed = g_strdup (g_getenv ("GST_PRESET_PATH"));
  g_autofree gchar *remove = g_strdup_printf ("rm -r '%s'", dir);
  gint status;

  g_setenv ("XDG_DATA_HOME", dir, TRUE);
  g_unsetenv ("GST_PRESET_PATH");
  g_test_trap_subprocess ("/descriptions/saved-preset/subprocess/save", 0,
      G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  g_setenv ("GST_PRESET_PATH", installed, TRUE);
  g_test_trap_subprocess ("/descriptions/saved-preset/subprocess/load", 0,
      G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
  if (data_home)
    g_setenv ("XDG_DATA_HOME", data_home, TRUE);
  else
    g_unsetenv ("XDG_DATA_HOME");
  g_assert_true (g_spawn_command_line_sync (remove, NULL, NULL, &status, NULL));
  g_assert_cmpint (status, ==, 0);
}

/* Elements that lose buffers on the way: the pipeline ends well, seqrun must not. */
static void
test_missing_records (void)
{
  static const gchar *const losers[] = {
    "valve drop=true drop-mode=forward-sticky-events", "identity drop-probability=0.9",
  };
  gchar *proteins = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "proteins.fasta", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (losers); i++) {
    gchar *line = g_strdup_printf ("seqsrc location=\"%s\" ! seqbatch batch-size=1 ! %s ! "
        "fakesink name=end", proteins, losers[i]);
    RunResult run = run_seqrun (NULL, "--quiet", line, NULL);

    g_assert_cmpint (run.status, ==, 3);
    g_assert_nonnull (strstr (run.err, "end got"));
    g_assert_nonnull (strstr (run.err, "200"));
    run_result_clear (&run);
    g_free (line);
  }
  g_free (proteins);
}

/* What a property leaves out is not missing. */
static void
test_left_out_as_told (void)
{
  gchar *proteins = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "proteins.fasta", NULL);
  gchar *line = g_strdup_printf ("seqsrc name=src location=\"%s\" ! tee name=t "
      "t. ! queue ! seqbatch max-length=300 overlong=skip ! fakesink name=a "
      "t. ! queue ! seqbatch max-length=300 overlong=window ! fakesink name=b", proteins);
  RunResult run = run_seqrun (NULL, line, NULL);
  gdouble out;

  if (run.status != 0)
    g_error ("exit status %d: %s", run.status, run.err);
  out = account_number (run.out, "a", "records out");
  g_assert_cmpfloat (out, <, 200);
  g_assert_cmpfloat (out + account_number (run.out, "a", "left out as told"), ==, 200);
  g_assert_cmpfloat (account_number (run.out, "b", "records out"), ==, 200);
  run_result_clear (&run);
  g_free (line);
  g_free (proteins);
}

/* A translator takes all records of the source, and what arrives is all that it made of them. */
static void
test_translated (void)
{
  static const gchar *const lossy = "valve drop=true drop-mode=forward-sticky-events";
  gchar *reads = g_build_filename (g_getenv ("GST_SEQ_TEST_DATA"), "reads.fastq", NULL);

  for (guint i = 0; i < 3; i++) {
    gchar *line = g_strdup_printf ("seqsrc name=src location=\"%s\" alphabet=dna ! "
        "%s ! seqtranslate name=translate min-length=20 ! seqsort window=10 ! %s ! "
        "fakesink name=end", reads, i == 1 ? lossy : "identity", i == 2 ? lossy : "identity");
    RunResult run = run_seqrun (NULL, line, NULL);

    g_assert_cmpint (run.status, ==, i == 0 ? 0 : 3);
    if (i == 0)
      g_assert_cmpfloat (account_number (run.out, "end", "records out"), ==,
          account_number (run.out, "translate", "records out"));
    else
      g_assert_nonnull (strstr (run.err, i == 1 ? "translate got" : "end got"));
    run_result_clear (&run);
    g_free (line);
  }
  g_free (reads);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/descriptions/esm2", "esm2.launch", test_parse);
  g_test_add_data_func ("/descriptions/esm2-packed", "esm2-packed.launch", test_parse);
  g_test_add_data_func ("/descriptions/nucleotide", "nucleotide.launch", test_parse);
  g_test_add_data_func ("/descriptions/sort-fasta", "sort-fasta.launch", test_parse);
  g_test_add_data_func ("/descriptions/translate", "translate.launch", test_parse);
  g_test_add_func ("/descriptions/presets", test_presets);
  g_test_add_func ("/descriptions/saved-preset", test_saved_preset);
  g_test_add_func ("/descriptions/saved-preset/subprocess/save", save_preset);
  g_test_add_func ("/descriptions/saved-preset/subprocess/load", load_presets);
  g_test_add_func ("/descriptions/missing-records", test_missing_records);
  g_test_add_func ("/descriptions/left-out-as-told", test_left_out_as_told);
  g_test_add_func ("/descriptions/translated", test_translated);
  return g_test_run ();
}
