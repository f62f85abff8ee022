/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-private.h"

#include <stdio.h>
#include <stdlib.h>

/* One line of JSON a call. Handles and pointers are numbers in order of creation, so that two runs
 * of the same calls write the same lines. */

static FILE *file;

void
fake_trace_open (const gchar * path)
{
  file = fopen (path, "we");
  if (file == NULL) {
    perror (path);
    abort ();
  }
}

void
fake_trace_close (void)
{
  if (file != NULL)
    fclose (file);
  file = NULL;
}

gboolean
fake_is_tracing (void)
{
  return file != NULL;
}

void
fake_trace (FakeFunction function, CUresult result, const gchar * format, va_list arguments)
{
  fprintf (file, "{\"t\":%" G_GUINT64_FORMAT ",\"thread\":%u,\"call\":\"%s\",\"args\":{",
      fake.clock, fake_thread (), fake_function_name (function));
  vfprintf (file, format, arguments);
  fprintf (file, "},\"result\":%d}\n", result);
  /* to be read while it runs, and by whoever looks at what a crash left */
  fflush (file);
}
