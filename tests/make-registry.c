/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes the registry that all tests use, so that none has to look through all plugins first. */
#include <gst/gst.h>

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  return g_file_test (g_getenv ("GST_REGISTRY"), G_FILE_TEST_EXISTS) ? 0 : 1;
}
