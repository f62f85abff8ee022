/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "expandable-segments.h"

#include <string.h>

#define KEY "expandable_segments"
#define SETTING KEY ":True"

/* The end of the entry that starts at `p`: a comma that stands in no bracket, or the end. A bracket
 * that is never closed takes the rest with it, and a closing one too many is plain text. */
static const gchar *
entry_end (const gchar *p)
{
  guint depth = 0;

  for (; *p != '\0'; p++) {
    if (*p == '[')
      depth++;
    else if (*p == ']' && depth > 0)
      depth--;
    else if (*p == ',' && depth == 0)
      break;
  }
  return p;
}

static gboolean
has_key (const gchar *entry, gsize len)
{
  const gchar *colon = memchr (entry, ':', len);
  gsize key_len = colon != NULL ? (gsize) (colon - entry) : len;

  while (key_len > 0 && g_ascii_isspace (entry[key_len - 1]))
    key_len--;
  return key_len == strlen (KEY) && memcmp (entry, KEY, key_len) == 0;
}

gchar *
seq_expandable_segments_merge (const gchar *value)
{
  GString *merged = g_string_new (NULL);
  const gchar *p = value != NULL ? value : "";
  gboolean found = FALSE;

  for (;;) {
    const gchar *next = entry_end (p), *end = next;

    while (p < end && g_ascii_isspace (*p))
      p++;
    while (end > p && g_ascii_isspace (end[-1]))
      end--;
    if (p < end) {
      if (merged->len > 0)
        g_string_append_c (merged, ',');
      g_string_append_len (merged, p, end - p);
      found = found || has_key (p, (gsize) (end - p));
    }
    if (*next == '\0')
      break;
    p = next + 1;
  }
  if (!found)
    g_string_append (merged, merged->len > 0 ? "," SETTING : SETTING);
  return g_string_free (merged, FALSE);
}
