/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every function of the driver fails, each in turn and each of its first calls, under a whole
 * pipeline. Whatever comes of it: the records that arrive are the right ones in the right order,
 * all of them or those before one clear error; nothing hangs and nothing is left. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "batch-digests.h"
#include "cuda-abi.h"

/* the codes to fail with: one that passes, one that a context doesn't survive */
#define PASSING 999
#define STICKY 700

/* In a process of its own, because a driver is initialised once: the pipeline on the device beside
 * the same in host memory. Exit status 0 = as promised; the fake driver adds its own checks. */
static int
child (const gchar * rest, gboolean may_be_unreadable)
{
  Run host = { 0 }, run = { 0 };

  run_proteins (&host, "fakesink name=sink");
  run_proteins (&run, rest);
  if (run.error != NULL) {
    g_assert_cmpuint (strlen (run.error->message), >, 10);
    assert_is_start_of (&run, &host);
  } else if (run.unreadable > 0) {
    /* the element that maps it says so: an error of the consumer's, of which there is none here */
    g_assert_true (may_be_unreadable);
    assert_is_start_of (&run, &host);
  } else {
    assert_same_run (&run, &host);
  }
  g_assert_cmpuint (run.warnings, <=, 2);       /* one an element */
  run_clear (&host);
  run_clear (&run);
  return 0;
}

static void
run_program (const gchar * faults, const gchar ** argv)
{
  gchar **environment = g_environ_setenv (g_get_environ (), "FAKECUDA", faults, TRUE);
  gchar *output = NULL, *errors = NULL;
  GError *error = NULL;
  int status;

  g_spawn_sync (NULL, (gchar **) argv, environment, 0, NULL, NULL, &output, &errors, &status, &error);
  g_assert_no_error (error);
  if (!g_spawn_check_wait_status (status, &error)) {
    g_test_message ("%s", output);
    g_test_message ("%s", errors);
    g_test_message ("FAKECUDA=%s %s: %s", faults, argv[0], error->message);
    g_test_fail ();
    g_clear_error (&error);
  }
  g_strfreev (environment);
  g_free (output);
  g_free (errors);
}

static void
run_child (const gchar * faults, const gchar * rest, gboolean may_be_unreadable)
{
  const gchar *argv[] = { g_getenv ("TEST_FAULTS"), "--child", rest,
    may_be_unreadable ? "unreadable" : "readable", NULL
  };

  run_program (faults, argv);
}

static const gchar *const functions[] = {
#define FUNCTION_NAME(required, name, suffix, prototype) #name,
  CUDA_FUNCTIONS (FUNCTION_NAME)
#undef FUNCTION_NAME
};

#define UPLOAD "pinnedqueue name=q upload=true ! cudamemguard interval=3 stats-interval=0 ! " \
    "fakesink name=sink"
#define PINNED "pinnedqueue name=q ! cudamemguard interval=3 track=true ! fakesink name=sink"

static void
test_each_function_once (gconstpointer data)
{
  const guint skips[] = { 0, 1, 2, 7 };
  const gchar *rest = data;
  guint i, k;

  for (i = 0; i < G_N_ELEMENTS (functions); i++) {
    for (k = 0; k < G_N_ELEMENTS (skips); k++) {
      gchar *faults = g_strdup_printf ("fail=%s:%d@skip=%u:count=1", functions[i], PASSING,
          skips[k]);

      run_child (faults, rest, FALSE);
      g_free (faults);
    }
  }
}

static void
test_each_function_for_good (gconstpointer data)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (functions); i++) {
    gchar *faults;

    /* a context that can't be entered any more can't be emptied either */
    if (g_str_equal (functions[i], "CtxPushCurrent"))
      continue;
    faults = g_strdup_printf ("fail=%s:%d@skip=4:count=0,leaks=0", functions[i], PASSING);

    run_child (faults, data, TRUE);
    g_free (faults);
  }
}

static void
test_lost_at_each_function (gconstpointer data)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (functions); i++) {
    gchar *faults = g_strdup_printf ("sticky=%d@%s:skip=3,leaks=0", STICKY, functions[i]);

    run_child (faults, data, TRUE);
    g_free (faults);
  }
}

static void
test_each_function_missing (void)
{
  guint i;

#define SYMBOL_NAME(required, name, suffix, prototype) "cu" #name #suffix,
  static const gchar *const symbols[] = { CUDA_FUNCTIONS (SYMBOL_NAME) };
#undef SYMBOL_NAME

  for (i = 0; i < G_N_ELEMENTS (symbols); i++) {
    gchar *faults = g_strdup_printf ("missing=%s", symbols[i]);

    run_child (faults, UPLOAD, FALSE);
    g_free (faults);
  }
}

/* The names of all calls that the program makes, as a trace has them */
static gchar *
trace_program (const gchar ** argv)
{
  gchar *path = g_build_filename (g_get_tmp_dir (), "faults-trace.XXXXXX", NULL);
  gchar *text = NULL, *config;

  close (g_mkstemp (path));
  config = g_strdup_printf ("trace=%s", path);
  run_program (config, argv);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_remove (path);
  g_free (config);
  g_free (path);
  return text;
}

static gboolean
is_called (const gchar * trace, const gchar * function)
{
  gchar *plain = g_strdup_printf ("\"call\":\"cu%s\"", function);
  gchar *versioned = g_strdup_printf ("\"call\":\"cu%s_v2\"", function);
  gboolean called = strstr (trace, plain) != NULL || strstr (trace, versioned) != NULL;

  g_free (plain);
  g_free (versioned);
  return called;
}

/* The costly ones of tests that ask the same of the driver as another does: for the slow suite only */
#define LEFT_OUT "-s", "/cudamemguard/oom/limit-flow", "-s", "/cudamemguard/oom/limit-event", \
    "-s", "/cudamemguard/oom/limit-signal", "-s", "/cudamemguard/oom/limit-one-hot", \
    "-s", "/cudamemguard/oom/random"

/* The tests that an element passes without a driver, it passes on one that fails. Their paths come
 * from the environment, with commas between. */
static void
test_programs (void)
{
  gchar **programs = g_strsplit (g_getenv ("GST_SEQ_FAULTY_PROGRAMS"), ",", -1);
  guint i, k, n = 0;

  for (k = 0; programs[k] != NULL; k++) {
    const gchar *some[] = { programs[k], LEFT_OUT, NULL }, *all[] = { programs[k], NULL };
    const gchar **argv = g_getenv ("GST_SEQ_ALL_FAULTS") != NULL ? all : some;
    gchar *trace = trace_program (argv);

    for (i = 0; i < G_N_ELEMENTS (functions); i++) {
      gchar *faults = g_strdup_printf ("fail=%s:%d@count=1", functions[i], PASSING);

      if (is_called (trace, functions[i])) {
        run_program (faults, argv);
        n++;
      }
      g_free (faults);
    }
    g_free (trace);
  }
  g_test_message ("%u faults", n);
  g_assert_cmpuint (n, >=, 20);
  g_strfreev (programs);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  if (argc == 4 && g_str_equal (argv[1], "--child"))
    return child (argv[2], g_str_equal (argv[3], "unreadable"));
  g_setenv ("TEST_FAULTS", argv[0], TRUE);
  /* the proteins that come along are enough, and a hundred times faster */
  g_setenv ("GST_SEQ_SMALL", "1", TRUE);
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/faults/once/upload", UPLOAD, test_each_function_once);
  g_test_add_data_func ("/faults/once/pinned", PINNED, test_each_function_once);
  g_test_add_data_func ("/faults/for-good", UPLOAD, test_each_function_for_good);
  g_test_add_data_func ("/faults/lost", UPLOAD, test_lost_at_each_function);
  g_test_add_func ("/faults/missing", test_each_function_missing);
  if (g_getenv ("GST_SEQ_FAULTY_PROGRAMS") != NULL)
    g_test_add_func ("/faults/programs", test_programs);
  return g_test_run ();
}
