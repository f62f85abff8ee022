# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes C of preset files: embed-presets.py OUTPUT PRESET..."""
import pathlib
import sys


def quoted(line):
    return '"' + line.replace('\\', '\\\\').replace('"', '\\"') + '\\n"'


def main(output, *paths):
    presets = [pathlib.Path(path) for path in paths]
    lines = ['#include "tokenizer-private.h"', '',
             'const SeqTokenizerPreset seq_tokenizer_presets[] = {']
    for preset in presets:
        lines.append(f'  {{"{preset.stem}",')
        lines += ['    ' + quoted(line) for line in preset.read_text('ascii').splitlines()]
        lines.append('  },')
    lines += ['  {NULL, NULL}', '};', '', 'const gchar *const seq_tokenizer_preset_names[] = {']
    lines += [f'  "{preset.stem}",' for preset in presets]
    lines += ['  NULL', '};', '']
    pathlib.Path(output).write_text('\n'.join(lines))


main(*sys.argv[1:])
