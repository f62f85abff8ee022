/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <stddef.h>

#include "check-abi.h"
#include "cuda-abi.h"

/* Compares cuda-abi.h with the toolkit's cuda.h, where there is one. Prototypes are compared by the
 * compiler, in check-abi-toolkit.c. */

#define OFFSET(type, ours, theirs) { "offset of " #type "." #ours, offsetof (type, ours) },

static const AbiItem our_abi[] = {
  ABI_VALUES (ABI_VALUE)
  ABI_TYPES (ABI_SIZE)
  ABI_FIELDS (OFFSET)
};

static void
test_abi (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);

  g_assert_cmpstr (our_abi[i].name, ==, toolkit_abi[i].name);
  g_assert_cmpint (our_abi[i].value, ==, toolkit_abi[i].value);
}

int
main (int argc, char **argv)
{
  gsize i;

  g_test_init (&argc, &argv, NULL);
  for (i = 0; i < G_N_ELEMENTS (our_abi); i++) {
    gchar *path = g_strdup_printf ("/abi/%s", our_abi[i].name);

    g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_abi);
    g_free (path);
  }
  return g_test_run ();
}
