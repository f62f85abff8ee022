/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* gpu-probe: prints date, device and driver as a row of the table.
 * gpu-probe PROGRAM [ARGUMENT…]: runs the program in its place.
 * Without a driver that can be used it exits 77 and says why, in either case; so a test of the
 * elements, which on the fake driver need not look for one, is skipped instead of failing. */

#include <unistd.h>

#include <gst/gst.h>

#include "gpu-figures.h"

static gint
print_device (CudaDevice * device)
{
  const gchar *library = g_getenv ("GST_SEQ_LIBCUDA");
  GDateTime *now = g_date_time_new_now_utc ();
  gchar *date = g_date_time_format (now, "%F");
  gint version = cuda_device_driver (device)->version;

  figures_row ("date, device, driver", "%s, %s, CUDA %d.%d of %s", date, cuda_device_name (device),
      version / 1000, version % 1000 / 10, library != NULL ? library : "the system");
  g_free (date);
  g_date_time_unref (now);
  return 0;
}

int
main (int argc, char **argv)
{
  GError *error = NULL;
  CudaDevice *device;
  gint status;

  /* GStreamer stays out of it: its arguments are the program's */
  device = cuda_device_get (0, &error);
  if (device == NULL) {
    g_print ("no GPU: %s\n", error->message);
    g_error_free (error);
    return EXIT_SKIP;
  }
  if (argc > 1) {
    execv (argv[1], argv + 1);
    g_printerr ("%s: %s\n", argv[1], g_strerror (errno));
    status = 1;
  } else {
    status = print_device (device);
  }
  cuda_device_unref (device);
  return status;
}
