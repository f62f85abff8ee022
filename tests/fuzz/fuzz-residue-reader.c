/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lines of one length, and among them bytes of any kind: what is read of them on several threads is
 * what stands there, and it ends before the first line that is another. */

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bytecopy.h"
#include "fuzz.h"
#include "residue-reader.h"

typedef struct
{
  SeqResidueLines lines;
  gsize before, behind;         /* residues around the bytes */
  gsize room;                   /* residues that are not asked for */
  gsize chunk;
  guint n_threads;
  gsize before_page;            /* bytes that residues begin in front of a page */
} Choices;

static Choices
take_choices (FuzzInput * in)
{
  static const gsize widths[] = { 1, 10, 60, 64, 70, 130, 1000, 70000 };
  /* the longest are read to where they belong */
  static const gsize sizes[] = { 0, 100, 3000, 90000 },
      chunks[] = { 1, 150, 5000, 80000, 400000 }, rooms[] = { 0, 1, 200, 20000 };
  Choices c = { { 0 } };

  c.lines.width = widths[fuzz_choose (in, G_N_ELEMENTS (widths))];
  c.lines.ending = fuzz_choose (in, 3);
  c.lines.offset = fuzz_take_byte (in);
  c.before = sizes[fuzz_choose (in, G_N_ELEMENTS (sizes))];
  c.behind = sizes[fuzz_choose (in, G_N_ELEMENTS (sizes))];
  c.room = rooms[fuzz_choose (in, G_N_ELEMENTS (rooms))];
  c.chunk = chunks[fuzz_choose (in, G_N_ELEMENTS (chunks))];
  c.n_threads = fuzz_choose (in, 3);
  c.before_page = fuzz_take_byte (in);
  return c;
}

/* Whole lines of `n` residues at most */
static void
append_lines (GString * text, const SeqResidueLines * lines, gsize n)
{
  const gsize stride = lines->width + lines->ending;
  gsize at = text->len;

  g_string_set_size (text, at + n / lines->width * stride);
  while (at < text->len) {
    for (gsize i = 0; i < lines->width; i++, at++)
      text->str[at] = (gchar) ('A' + at % 23);
    for (guint i = lines->ending; i > 0; i--)
      text->str[at++] = i == 2 ? '\r' : '\n';
  }
}

static gboolean
is_residue (gchar byte)
{
  return (guint8) byte > ' ' && byte != 0x7f;
}

/* One line, or one residue of an unbroken line; 0 if it is another, or not whole. */
static gsize
line_length (const gchar * at, const gchar * end, const SeqResidueLines * lines)
{
  const gsize width = lines->ending > 0 ? lines->width : 1;

  if ((gsize) (end - at) < width + lines->ending
      || (lines->ending > 0 && !g_ascii_isalpha (*at))
      || memcmp (at + width, lines->ending == 2 ? "\r\n" : "\n", lines->ending) != 0)
    return 0;
  for (gsize i = 0; i < width; i++)
    if (!is_residue (at[i]))
      return 0;
  return width;
}

static void
check (const GString * text, const Choices * c, int fd)
{
  const gsize room = text->len - MIN (text->len, c->room);
  guint8 *memory = g_aligned_alloc (SEQ_PAGE + room + 1, 1, SEQ_PAGE);
  guint8 *out = memory + SEQ_PAGE - c->before_page;
  SeqResidueReader *reader = seq_residue_reader_new (fd, &c->lines, text->len, out, room, c->chunk,
      c->n_threads);
  const gchar *at = text->str + c->lines.offset, *end = text->str + text->len;
  guint64 bytes, n_lines, all = 0;
  gsize n, found = 0, width;

  out[room] = 0xee;
  while (seq_residue_reader_next (reader, &bytes, &n, &n_lines)) {
    all += bytes;
    for (const guint8 * next = out + found; next < out + found + n; next += width, at += width) {
      width = line_length (at, end, &c->lines);
      g_assert_cmpuint (width, >, 0);
      g_assert_true (memcmp (next, at, width) == 0);
      at += c->lines.ending;
    }
    g_assert_cmpuint (n_lines, ==, c->lines.ending > 0 ? n / c->lines.width : 0);
    found += n;
  }
  g_assert_true (text->str + c->lines.offset + all == at);
  width = line_length (at, end, &c->lines);
  g_assert_true (width == 0 || width > room - found);
  g_assert_cmpuint (out[room], ==, 0xee);
  seq_residue_reader_free (reader);
  g_aligned_free (memory);
}

int
LLVMFuzzerTestOneInput (const guint8 * data, gsize size)
{
  FuzzInput in = { data, size };
  Choices c = take_choices (&in);
  GString *text = g_string_new (NULL);
  int fd = memfd_create ("lines", MFD_CLOEXEC);

  g_string_set_size (text, c.lines.offset);
  memset (text->str, '>', text->len);
  append_lines (text, &c.lines, c.before);
  g_string_append_len (text, (const gchar *) in.data, in.size);
  append_lines (text, &c.lines, c.behind);
  g_assert_cmpint (write (fd, text->str, text->len), ==, (gssize) text->len);
  check (text, &c, fd);
  close (fd);
  g_string_free (text, TRUE);
  return 0;
}
