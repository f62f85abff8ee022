/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-private.h"

#include <stdlib.h>

/* FAKECUDA: the fake driver's configuration, and the errors that it injects. A mistake in it ends
 * the process, because a test that silently runs without its faults tests nothing. */

typedef struct
{
  FakeFunction function;
  CUresult code;
  guint64 skip, count, every, min_bytes;
  gdouble probability;
  gboolean is_sticky;
  GRand *random;
  guint64 n_seen, n_failed;
} Fault;

static GArray *faults;          /* of Fault */

G_GNUC_NORETURN static void
give_up (const gchar * what, const gchar * text)
{
  g_printerr ("FAKECUDA: %s: %s\n", what, text);
  abort ();
}

static guint64
parse_number (const gchar * text, guint64 max)
{
  guint64 value;

  if (!g_ascii_string_to_unsigned (text, 10, 0, max, &value, NULL))
    give_up ("not a number that it may be", text);
  return value;
}

static gdouble
parse_real (const gchar * text)
{
  gchar *end;
  gdouble value = g_ascii_strtod (text, &end);

  if (*text == '\0' || *end != '\0' || !(value >= 0))
    give_up ("not a number that it may be", text);
  return value;
}

/* ---- faults ---- */

static FakeFunction
parse_function (const gchar * text)
{
  FakeFunction function = fake_function_find (text);

  if (function == FAKE_N_FUNCTIONS)
    give_up ("no such function", text);
  return function;
}

static void
parse_option (Fault * fault, const gchar * text)
{
  gchar **pair = g_strsplit (text, "=", 2);

  if (pair[0] == NULL || pair[1] == NULL)
    give_up ("not option=value", text);
  if (g_str_equal (pair[0], "skip"))
    fault->skip = parse_number (pair[1], G_MAXUINT64);
  else if (!fault->is_sticky && g_str_equal (pair[0], "count"))
    fault->count = parse_number (pair[1], G_MAXUINT64);
  else if (!fault->is_sticky && g_str_equal (pair[0], "every"))
    fault->every = parse_number (pair[1], G_MAXUINT64);
  else if (!fault->is_sticky && g_str_equal (pair[0], "min_bytes"))
    fault->min_bytes = parse_number (pair[1], G_MAXUINT64);
  else if (!fault->is_sticky && g_str_equal (pair[0], "prob"))
    fault->probability = parse_real (pair[1]);
  else if (!fault->is_sticky && g_str_equal (pair[0], "seed"))
    g_rand_set_seed (fault->random, parse_number (pair[1], G_MAXUINT32));
  else
    give_up ("no such option", text);
  g_strfreev (pair);
}

/* F:CODE@option=value:option=value */
static void
parse_fail (const gchar * text)
{
  gchar **halves = g_strsplit (text, "@", 2);
  gchar **head = g_strsplit (halves[0] != NULL ? halves[0] : "", ":", 2);
  gchar **options = halves[0] != NULL && halves[1] != NULL ? g_strsplit (halves[1], ":", -1) : NULL;
  Fault fault = {.count = 1,.probability = 1,.random = g_rand_new_with_seed (1) };
  guint i;

  if (head[0] == NULL || head[1] == NULL)
    give_up ("fail= is not FUNCTION:CODE", text);
  fault.function = parse_function (head[0]);
  fault.code = parse_number (head[1], 999);
  for (i = 0; options != NULL && options[i] != NULL; i++)
    parse_option (&fault, options[i]);
  g_array_append_val (faults, fault);
  g_strfreev (options);
  g_strfreev (head);
  g_strfreev (halves);
}

/* CODE@F:skip=0 */
static void
parse_sticky (const gchar * text)
{
  gchar **halves = g_strsplit (text, "@", 2);
  gchar **tail = halves[0] != NULL && halves[1] != NULL ? g_strsplit (halves[1], ":", 2) : NULL;
  Fault fault = {.count = 1,.is_sticky = TRUE,.probability = 1 };

  if (tail == NULL || tail[0] == NULL)
    give_up ("sticky= is not CODE@FUNCTION", text);
  fault.code = parse_number (halves[0], 999);
  fault.function = parse_function (tail[0]);
  if (tail[1] != NULL)
    parse_option (&fault, tail[1]);
  g_array_append_val (faults, fault);
  g_strfreev (tail);
  g_strfreev (halves);
}

static gboolean
is_due (Fault * fault, FakeFunction function, gsize size)
{
  guint64 n;

  if (fault->function != function || size < fault->min_bytes)
    return FALSE;
  n = fault->n_seen++;
  if (n < fault->skip || (fault->count > 0 && fault->n_failed >= fault->count)
      || (fault->every > 0 && (n - fault->skip + 1) % fault->every != 0)
      || (fault->probability < 1 && g_rand_double (fault->random) >= fault->probability))
    return FALSE;
  fault->n_failed++;
  return TRUE;
}

CUresult
fake_fault (FakeFunction function, gsize size)
{
  CUresult result = CUDA_SUCCESS;
  guint i;

  for (i = 0; faults != NULL && i < faults->len; i++) {
    Fault *fault = &g_array_index (faults, Fault, i);

    if (!is_due (fault, function, size))
      continue;
    if (fault->is_sticky)
      fake.sticky = fault->code;
    if (result == CUDA_SUCCESS)
      result = fault->code;
  }
  return result;
}

/* ---- the rest ---- */

static void
set_defaults (FakeConfig * config)
{
  FakeConfig defaults = {
    .n_devices = 1,.version = 12040,.total = (gsize) 8192 << 20,
    .h2d_gbps = 25,.d2h_gbps = 25,.pageable_gbps = 6,.alloc_us = 50,.free_us = 20,.leaks = TRUE,
  };

  *config = defaults;
}

static void
parse_setting (FakeConfig * config, const gchar * key, const gchar * value)
{
  const struct
  {
    const gchar *key;
    gsize *bytes;
    guint64 *number;
    gdouble *real;
  } settings[] = {
    {"total_mb", .bytes = &config->total}, {"other_proc", .bytes = &config->other_process},
    {"oom_above_mb", .bytes = &config->oom_above}, {"pin_limit_mb", .bytes = &config->pin_limit},
    {"meminfo_us", .number = &config->meminfo_us}, {"call_us", .number = &config->call_us},
    {"alloc_us", .number = &config->alloc_us}, {"free_us", .number = &config->free_us},
    {"h2d_gbps", .real = &config->h2d_gbps}, {"d2h_gbps", .real = &config->d2h_gbps},
    {"pageable_gbps", .real = &config->pageable_gbps},
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (settings); i++) {
    if (!g_str_equal (key, settings[i].key))
      continue;
    if (settings[i].bytes != NULL)
      *settings[i].bytes = parse_number (value, 1 << 20) << 20;
    else if (settings[i].number != NULL)
      *settings[i].number = parse_number (value, G_MAXUINT32);
    else
      *settings[i].real = parse_real (value);
    return;
  }
  if (g_str_equal (key, "devices"))
    config->n_devices = parse_number (value, 16);
  else if (g_str_equal (key, "version"))
    config->version = parse_number (value, 99999);
  else if (g_str_equal (key, "init")) {
    config->init = parse_number (value, 999);
    config->is_init_set = TRUE;
  } else if (g_str_equal (key, "leaks"))
    config->leaks = parse_number (value, 1);
  else if (g_str_equal (key, "missing"))
    config->missing = g_strsplit (value, "+", -1);
  else if (g_str_equal (key, "trace"))
    config->trace = g_strdup (value);
  else if (g_str_equal (key, "fail"))
    parse_fail (value);
  else if (g_str_equal (key, "sticky"))
    parse_sticky (value);
  else
    give_up ("no such key", key);
}

void
fake_config_parse (const gchar * text)
{
  gchar **settings = g_strsplit (text, ",", -1);
  guint i;

  set_defaults (&fake.config);
  faults = g_array_new (FALSE, FALSE, sizeof (Fault));
  for (i = 0; settings[i] != NULL; i++) {
    gchar **pair = g_strsplit (settings[i], "=", 2);

    if (pair[0] != NULL && pair[1] == NULL)
      give_up ("not key=value", settings[i]);
    if (pair[0] != NULL)
      parse_setting (&fake.config, pair[0], pair[1]);
    g_strfreev (pair);
  }
  g_strfreev (settings);
  if (!(fake.config.h2d_gbps > 0 && fake.config.d2h_gbps > 0 && fake.config.pageable_gbps > 0))
    give_up ("speeds are above 0", text);
}

void
fake_config_clear (void)
{
  guint i;

  for (i = 0; faults != NULL && i < faults->len; i++)
    g_clear_pointer (&g_array_index (faults, Fault, i).random, g_rand_free);
  g_clear_pointer (&faults, g_array_unref);
  g_clear_pointer (&fake.config.missing, g_strfreev);
  g_clear_pointer (&fake.config.trace, g_free);
}
