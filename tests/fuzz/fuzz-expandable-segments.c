/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The merge of expandable_segments:True into what the environment says: nothing that stood there is
 * lost, the setting is added once at most, and where it is there nothing is. */

#include "expandable-segments.h"
#include "fuzz.h"

#define SETTING "expandable_segments:True"

/* without spaces and commas, which a merge may drop */
static gchar *
essence (const gchar * value)
{
  GString *kept = g_string_new (NULL);

  for (; *value != '\0'; value++)
    if (!g_ascii_isspace (*value) && *value != ',')
      g_string_append_c (kept, *value);
  return g_string_free (kept, FALSE);
}

/* a bracket that is never closed makes one entry of all that follows, so also of what is added */
static gboolean
ends_in_bracket (const gchar * value)
{
  guint depth = 0;

  for (; *value != '\0'; value++) {
    if (*value == '[')
      depth++;
    else if (*value == ']' && depth > 0)
      depth--;
  }
  return depth > 0;
}

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  gchar *value = g_strndup ((const gchar *) data, size);
  gchar *merged = seq_expandable_segments_merge (value);
  gchar *before = essence (value), *after = essence (merged);

  g_assert_true (g_str_has_prefix (after, before));
  if (strlen (after) > strlen (before)) {
    g_assert_cmpstr (after + strlen (before), ==, SETTING);
    g_assert_true (g_str_has_suffix (merged, SETTING));
  } else {
    g_assert_nonnull (strstr (value, "expandable_segments"));
  }
  if (!ends_in_bracket (value)) {
    gchar *again = seq_expandable_segments_merge (merged);

    g_assert_cmpstr (again, ==, merged);
    g_free (again);
  }
  g_free (before);
  g_free (after);
  g_free (merged);
  g_free (value);
  return 0;
}
