/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * The files that a NULL-terminated list of locations stands for, each fit for seq_input_open(). In
 * the order given; what one location stands for is sorted bytewise, so that the order, and with it
 * the number of each record, depends neither on the file system nor on the locale.
 *
 * A location is
 *   - "-" or a remote URI: kept as it is, not looked at;
 *   - a file (or file:// URI): itself, whatever its name;
 *   - a directory: its files with the name of a sequence file (.fa .fasta .faa .fna .ffn .frn .fas
 *     .fq .fastq in any case, with an optional .gz .bgz .zst), not those whose name starts with a
 *     dot, and not those of its subdirectories;
 *   - a pattern as in glob(7), unless a file of exactly that name exists: what matches, except
 *     directories.
 *
 * Returns a GPtrArray of gchar* that owns its strings (free with g_ptr_array_unref()), never empty;
 * NULL with a G_FILE_ERROR when a location stands for nothing or a directory cannot be read.
 */
GPtrArray *seq_input_list_expand (const gchar * const *locations, GError ** error);

G_END_DECLS
