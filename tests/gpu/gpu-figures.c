/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gpu-figures.h"

#include <stdlib.h>
#include <time.h>

#include <glib/gprintf.h>

CudaDevice *
figures_open_device (void)
{
  GError *error = NULL;
  CudaDevice *device = cuda_device_get (0, &error);

  if (device == NULL) {
    g_print ("no GPU: %s\n", error->message);
    exit (EXIT_SKIP);
  }
  return device;
}

void
figures_row (const gchar * figure, const gchar * format, ...)
{
  va_list arguments;

  g_printf ("| %s | ", figure);
  va_start (arguments, format);
  g_vprintf (format, arguments);
  va_end (arguments);
  g_printf (" |\n");
  fflush (stdout);
}

void
figures_check (CUresult result, const gchar * call)
{
  if (result != CUDA_SUCCESS)
    g_error ("%s: %s", call, cuda_error_name (result));
}

static gint
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 first = *(const gint64 *) a, second = *(const gint64 *) b;

  return first < second ? -1 : first > second;
}

gint64
figures_median (gint64 * times, guint n)
{
  qsort (times, n, sizeof *times, compare_times);
  return times[n / 2];
}

gint64
figures_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}
