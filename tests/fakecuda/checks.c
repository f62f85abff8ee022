/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-private.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Start, end, what is wrong in between, and the table of functions that tests get */

#define MAX_PRINTED 50
#define EXIT_STATUS 99

void
fake_problem (const gchar * format, ...)
{
  va_list arguments;

  if (++fake.problems > MAX_PRINTED)
    return;
  va_start (arguments, format);
  fprintf (stderr, "fakecuda: %s: ", fake_function_name (fake.function));
  vfprintf (stderr, format, arguments);
  fputc ('\n', stderr);
  va_end (arguments);
}

/* ---- start ---- */

static void
stop (void)
{
  fake_streams_free ();
  fake_captures_free ();
  fake_ranges_free ();
  fake_objects_free ();
  fake_devices_free ();
  fake_trace_close ();
  fake_config_clear ();
}

static void
start (const gchar * config)
{
  guint generation = fake.generation + 1;
  guint64 problems = fake.problems;
  gboolean is_forked = fake.is_forked, was_initialised = fake.is_initialised;

  memset (&fake, 0, sizeof fake);
  fake.generation = generation;
  fake.is_forked = is_forked;
  fake.problems = problems;
  fake_config_parse (config);
  /* who has loaded the library once does not call cuInit again */
  fake.is_initialised = was_initialised && !fake.config.is_init_set;
  fake_objects_init ();
  fake_ranges_init ();
  fake_streams_init ();
  fake_captures_init ();
  fake_devices_init ();
  if (fake.config.trace != NULL)
    fake_trace_open (fake.config.trace);
}

static const gchar *
environment_config (void)
{
  const gchar *config = g_getenv ("FAKECUDA");

  return config != NULL ? config : "";
}

void
fake_start (void)
{
  static gboolean is_started = FALSE;

  if (is_started)
    return;
  is_started = TRUE;
  start (environment_config ());
}

/* ---- fork ---- */

static void
fork_prepare (void)
{
  fake_lock ();
}

static void
fork_parent (void)
{
  fake_unlock ();
}

/* CUDA does not survive a fork: a child of a process that had called cuInit may call nothing. What
 * its parent has is not its own, so nothing leaks there. */
static void
fork_child (void)
{
  fake.is_forked = fake.is_initialised;
  fake.problems = 0;
  fake.config.leaks = fake.config.leaks && !fake.is_initialised;
  fake_unlock ();
}

__attribute__ ((constructor))
static void
load (void)
{
  fake_start ();
  pthread_atfork (fork_prepare, fork_parent, fork_child);
}

/* ---- end ---- */

static const struct
{
  const gchar *name;
  FakeKind kind;
} kinds[] = {
  {"context", FAKE_CONTEXT}, {"stream", FAKE_STREAM}, {"event", FAKE_EVENT},
  {"pool", FAKE_POOL}, {"graph", FAKE_GRAPH},
};

static guint64
count_alive (const gchar * kind)
{
  guint64 n = 0;
  guint i;

  if (kind == NULL || g_str_equal (kind, "memory"))
    n += fake.n_memory;
  if (kind == NULL || g_str_equal (kind, "pinned"))
    n += fake.n_pinned;
  for (i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (kind == NULL || g_str_equal (kind, kinds[i].name))
      n += fake.alive[kinds[i].kind];
  if (kind != NULL && g_str_equal (kind, "pushed"))
    n = fake.n_pushed;
  if (kind != NULL && g_str_equal (kind, "memory-bytes"))
    n = fake.memory_bytes;
  if (kind != NULL && g_str_equal (kind, "pinned-bytes"))
    n = fake.pinned_bytes;
  return n;
}

/* After a sticky error nothing could be freed any more */
static gboolean
has_leaks (const gchar * when)
{
  static const gchar *const names[] = { "memory", "pinned", "stream", "event", "pool", "context",
    "graph", "pushed",
  };
  gboolean any = FALSE;
  guint i;

  if (!fake.config.leaks || fake.sticky != CUDA_SUCCESS)
    return FALSE;
  for (i = 0; i < G_N_ELEMENTS (names); i++) {
    guint64 n = count_alive (names[i]);

    if (n == 0)
      continue;
    fprintf (stderr, "fakecuda: %s: %s: %" G_GUINT64_FORMAT " alive\n", when, names[i], n);
    any = TRUE;
  }
  return any;
}

/* Of all that runs at exit this comes last, as the process's other libraries and exit handlers may
 * still let go of something. */
__attribute__ ((destructor))
static void
unload (void)
{
  gboolean fails;

  fake_trace_close ();
  fails = has_leaks ("at exit");
  if (fake.problems > 0)
    fprintf (stderr, "fakecuda: %" G_GUINT64_FORMAT " errors of use\n", fake.problems);
  if (!fails && fake.problems == 0)
    return;
  fflush (NULL);
  _exit (EXIT_STATUS);
}

/* ---- the control table ---- */

static void
control_configure (const char *config)
{
  fake_lock ();
  fake.problems += has_leaks ("at configure()");
  stop ();
  start (config != NULL ? config : environment_config ());
  fake_unlock ();
}

static uint64_t
control_calls (const char *function)
{
  FakeFunction only = function != NULL ? fake_function_find (function) : FAKE_N_FUNCTIONS;
  uint64_t n = 0;
  guint i;

  g_assert (function == NULL || only != FAKE_N_FUNCTIONS);
  fake_lock ();
  for (i = 0; i < FAKE_N_FUNCTIONS; i++)
    if (function == NULL || i == only)
      n += fake.calls[i];
  fake_unlock ();
  return n;
}

static uint64_t
control_problems (void)
{
  uint64_t n;

  fake_lock ();
  n = fake.problems;
  fake_unlock ();
  return n;
}

static uint64_t
control_forgive (void)
{
  uint64_t n;

  fake_lock ();
  n = fake.problems;
  fake.problems = 0;
  fake_unlock ();
  return n;
}

static uint64_t
control_alive (const char *kind)
{
  uint64_t n;

  fake_lock ();
  n = count_alive (kind);
  fake_unlock ();
  return n;
}

static uint64_t
control_clock (void)
{
  uint64_t time;

  fake_lock ();
  time = fake.clock;
  fake_unlock ();
  return time;
}

static void
control_advance (uint64_t ns)
{
  fake_lock ();
  fake_wait_until (fake.clock + ns);
  fake_unlock ();
}

static CUresult
control_begin_capture (CUstream stream, int global)
{
  return fake_StreamBeginCapture (stream, global ? CU_STREAM_CAPTURE_MODE_GLOBAL :
      CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
}

static CUresult
control_end_capture (CUstream stream)
{
  CUgraph graph = NULL;
  CUresult result = fake_StreamEndCapture (stream, &graph);

  return graph != NULL ? fake_GraphDestroy (graph) : result;
}

__attribute__ ((visibility ("default")))
extern const FakeCuda fakecuda;

const FakeCuda fakecuda = {
  .configure = control_configure,
  .calls = control_calls,
  .problems = control_problems,
  .forgive = control_forgive,
  .alive = control_alive,
  .clock = control_clock,
  .advance = control_advance,
  .kernel = fake_kernel,
  .begin_capture = control_begin_capture,
  .end_capture = control_end_capture,
};
