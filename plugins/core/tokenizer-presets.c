/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tokenizer-private.h"

#include <string.h>

/* Other names of presets. */
static const struct
{
  const gchar *alias, *name;
} aliases[] = {
  {"hyena", "hyenadna"}
};

const gchar *const *
seq_tokenizer_list_presets (void)
{
  return seq_tokenizer_preset_names;
}

gboolean
seq_tokenizer_load_preset (SeqTokenizer *tokenizer, const gchar *name)
{
  const SeqTokenizerPreset *preset;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (aliases); i++) {
    if (strcmp (aliases[i].alias, name) == 0)
      name = aliases[i].name;
  }
  for (preset = seq_tokenizer_presets; preset->name != NULL; preset++) {
    if (strcmp (preset->name, name) == 0)
      break;
  }
  if (preset->name == NULL)
    return FALSE;
  if (!seq_tokenizer_parse_file (tokenizer, preset->text, strlen (preset->text), name, NULL))
    g_assert_not_reached ();
  return TRUE;
}
