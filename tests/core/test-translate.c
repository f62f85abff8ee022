/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "translate.h"

#include <string.h>

#include "genetic-code.h"

#define MIB ((gsize) 1 << 20)

static const SeqTranslateConfig default_config = {.genetic_code = 1,.min_length = 1 };

/* --- records ---------------------------------------------------------------------------------- */

/* What the translator is handed: one after the other in one piece of memory of exactly their size,
 * so that a sanitizer sees each step outside. */
typedef struct
{
  guint8 *data;
  gsize size;
  GstSeqRecord *records;
  guint n_records;
} Parents;

static void
parents_add (Parents * p, guint64 id, const gchar * name, const gchar * nucleotides)
{
  gsize n_name = strlen (name), n_seq = strlen (nucleotides);

  p->records = g_renew (GstSeqRecord, p->records, p->n_records + 1);
  p->records[p->n_records++] = (GstSeqRecord) {
    .id = id,
    .name = p->size,
    .name_len = n_name,
    .seq = p->size + n_name,
    .seq_len = n_seq,
    .qual = GST_SEQ_NO_QUALITY,
  };
  p->data = g_realloc (p->data, p->size + n_name + n_seq);
  if (n_name > 0)
    memcpy (p->data + p->size, name, n_name);
  if (n_seq > 0)
    memcpy (p->data + p->size + n_name, nucleotides, n_seq);
  p->size += n_name + n_seq;
}

static void
parents_clear (Parents * p)
{
  g_free (p->data);
  g_free (p->records);
  *p = (Parents) { 0 };
}

/* Appends the products of a block as "id:name|residues". */
static void
collect (GPtrArray * products, SeqBlock * block)
{
  for (guint i = 0; i < block->n_records; i++) {
    const GstSeqRecord *r = &block->records[i];

    g_assert_cmpuint ((gsize) r->seq + r->seq_len, <=, block->size);
    g_assert_cmpuint ((gsize) r->name + r->name_len, <=, block->size);
    g_assert_cmpuint (r->qual, ==, GST_SEQ_NO_QUALITY);
    g_ptr_array_add (products, g_strdup_printf ("%" G_GUINT64_FORMAT ":%.*s|%.*s", r->id,
            (gint) r->name_len, (const gchar *) block->data + r->name,
            (gint) r->seq_len, (const gchar *) block->data + r->seq));
  }
}

/* Translates as the element does; sizes of the blocks go to `sizes` where it is not NULL. */
static GPtrArray *
translate (SeqTranslator * t, const Parents * p, GArray * sizes)
{
  GPtrArray *products = g_ptr_array_new_with_free_func (g_free);
  SeqBlockPool *pool = seq_block_pool_new (2 * MIB - SEQ_BLOCK_SLACK, 2);
  SeqBlock *block = seq_block_pool_acquire (pool);
  GError *error = NULL;

  for (guint i = 0; i < p->n_records; i++) {
    SeqTranslateResult result;

    seq_translator_begin (t, &p->records[i], p->data);
    while ((result = seq_translator_fill (t, block, &error)) == SEQ_TRANSLATE_FULL
        || result == SEQ_TRANSLATE_AGAIN) {
      if (result == SEQ_TRANSLATE_AGAIN)
        continue;
      g_assert_cmpuint (block->n_records, >, 0);
      collect (products, block);
      if (sizes)
        g_array_append_val (sizes, block->size);
      seq_block_unref (block);
      block = seq_block_pool_acquire (pool);
    }
    g_assert_no_error (error);
    g_assert_cmpint (result, ==, SEQ_TRANSLATE_DONE);
  }
  collect (products, block);
  if (sizes)
    g_array_append_val (sizes, block->size);
  seq_block_unref (block);
  seq_block_pool_unref (pool);
  return products;
}

static SeqTranslator *
translator_new (const SeqTranslateConfig * config)
{
  GError *error = NULL;
  SeqTranslator *t = seq_translator_new (config, &error);

  g_assert_no_error (error);
  g_assert_nonnull (t);
  return t;
}

/* All products of one record, id 6, joined by spaces. */
static gchar *
translate_one (const SeqTranslateConfig * config, const gchar * name, const gchar * nucleotides)
{
  g_autoptr (SeqTranslator) t = translator_new (config);
  Parents p = { 0 };
  GPtrArray *products;
  gchar *joined;

  parents_add (&p, 6, name, nucleotides);
  products = translate (t, &p, NULL);
  g_ptr_array_add (products, NULL);
  joined = g_strjoinv (" ", (gchar **) products->pdata);
  g_ptr_array_unref (products);
  parents_clear (&p);
  return joined;
}

static void
assert_one (const SeqTranslateConfig * config, const gchar * nucleotides, const gchar * expected)
{
  g_autofree gchar *joined = translate_one (config, "c", nucleotides);

  g_assert_cmpstr (joined, ==, expected);
}

/* --- another way to do it --------------------------------------------------------------------- */

/* The obvious way: copies of chunks, their reverse complements, strings split at stops. */

static gchar *
reverse_complement (const gchar * nucleotides, gsize n)
{
  static const gchar letters[] = "ACGTNRYacgt", complements[] = "TGCANYRtgca";
  gchar *reverse = g_malloc (n + 1);

  for (gsize i = 0; i < n; i++) {
    const gchar *at = strchr (letters, nucleotides[n - 1 - i]);

    reverse[i] = at ? complements[at - letters] : nucleotides[n - 1 - i];
  }
  reverse[n] = '\0';
  return reverse;
}

static gchar *
translate_strand (const SeqGeneticCode * code, const gchar * strand, gsize n, guint shift)
{
  GString *letters = g_string_new (NULL);

  for (gsize i = shift; i + 3 <= n; i += 3)
    g_string_append_c (letters, code->forward[seq_codon_index ((const guint8 *) strand + i)]);
  return g_string_free (letters, FALSE);
}

static void
expect_frame (GPtrArray * products, const SeqTranslateConfig * config, const SeqGeneticCode * code,
    const Parents * p, const GstSeqRecord * r, gsize start, gsize n, gint frame)
{
  const gchar *chunk = (const gchar *) p->data + r->seq + start;
  g_autofree gchar *strand = frame > 0 ? g_strndup (chunk, n) : reverse_complement (chunk, n);
  g_autofree gchar *name = g_strndup ((const gchar *) p->data + r->name, r->name_len);
  gsize at = ABS (frame) - 1, word = strcspn (name, " \t");
  g_autofree gchar *letters = translate_strand (code, strand, n, at);
  const gchar *piece = letters, *last = letters + strlen (letters);

  /* not by g_strsplit(): ASan's strstr() measures the whole rest first */
  while (piece <= last) {
    const gchar *stop = config->stops == SEQ_STOPS_SPLIT ? memchr (piece, '*', last - piece) : NULL;
    gsize length = (stop ? stop : last) - piece, end = at + 3 * length;

    if (length >= MAX (config->min_length, 1))
      g_ptr_array_add (products, g_strdup_printf ("%u:%.*s:%+d:%" G_GSIZE_FORMAT "-%"
              G_GSIZE_FORMAT "%s parent=%" G_GUINT64_FORMAT "|%.*s", products->len, (gint) word,
              name, frame, start + (frame > 0 ? at : n - end), start + (frame > 0 ? end : n - at),
              name + word, r->id, (gint) length, piece));
    at = end + 3;
    piece += length + 1;
  }
}

static GPtrArray *
expect (const SeqTranslateConfig * config, const Parents * p)
{
  static const gint frames[] = { 1, 2, 3, -1, -2, -3 };
  GPtrArray *products = g_ptr_array_new_with_free_func (g_free);
  SeqGeneticCode code;

  g_assert_true (seq_genetic_code_init (&code, config->genetic_code));
  for (guint i = 0; i < p->n_records; i++) {
    gsize length = p->records[i].seq_len, chunk = config->chunk > 0 ? config->chunk : length;

    for (gsize start = 0;; start += chunk - config->overlap) {
      gsize n = MIN (chunk, length - start);

      for (guint f = 0; f < G_N_ELEMENTS (frames); f++)
        if (config->frames == SEQ_FRAMES_ALL || (config->frames == SEQ_FRAMES_FORWARD && f < 3) ||
            (config->frames == SEQ_FRAMES_REVERSE && f >= 3) ||
            (config->frames == SEQ_FRAMES_FIRST && f == 0))
          expect_frame (products, config, &code, p, &p->records[i], start, n, frames[f]);
      if (start + n == length)
        break;
    }
  }
  return products;
}

static gchar *
random_nucleotides (GRand * rand, gsize n, const gchar * letters)
{
  gchar *nucleotides = g_malloc (n + 1);
  gint n_letters = strlen (letters);

  for (gsize i = 0; i < n; i++)
    nucleotides[i] = letters[g_rand_int_range (rand, 0, n_letters)];
  nucleotides[n] = '\0';
  return nucleotides;
}

static void
check (const SeqTranslateConfig * config, const Parents * p)
{
  g_autoptr (SeqTranslator) t = translator_new (config);
  GPtrArray *products = translate (t, p, NULL), *expected = expect (config, p);
  SeqTranslateCounts counts;

  g_assert_cmpuint (products->len, ==, expected->len);
  for (guint i = 0; i < products->len; i++)
    g_assert_cmpstr (g_ptr_array_index (products, i), ==, g_ptr_array_index (expected, i));
  seq_translator_get_counts (t, &counts);
  g_assert_cmpuint (counts.records_in, ==, p->n_records);
  g_assert_cmpuint (counts.records_out, ==, expected->len);
  g_ptr_array_unref (products);
  g_ptr_array_unref (expected);
}

/* --- products --------------------------------------------------------------------------------- */

/* By hand:
 *   +1 ATG GCC TAA ACT  +2 TGG CCT AAA CT.  +3 GGC CTA AAC T..
 *   -1 AGT TTA GGC CAT  -2 GTT TAG GCC AT.  -3 TTT AGG CCA T.. */
static void
test_six_frames (void)
{
  SeqTranslateConfig config = default_config;

  assert_one (&config, "ATGGCCTAAACT", "0:c:+1:0-6 parent=6|MA 1:c:+1:9-12 parent=6|T "
      "2:c:+2:1-10 parent=6|WPK 3:c:+3:2-11 parent=6|GLN 4:c:-1:0-12 parent=6|SLGH "
      "5:c:-2:8-11 parent=6|V 6:c:-2:2-5 parent=6|A 7:c:-3:1-10 parent=6|FRP");
  assert_one (&config, "augGCCUaaACU", "0:c:+1:0-6 parent=6|MA 1:c:+1:9-12 parent=6|T "
      "2:c:+2:1-10 parent=6|WPK 3:c:+3:2-11 parent=6|GLN 4:c:-1:0-12 parent=6|SLGH "
      "5:c:-2:8-11 parent=6|V 6:c:-2:2-5 parent=6|A 7:c:-3:1-10 parent=6|FRP");
  config.frames = SEQ_FRAMES_FIRST;
  assert_one (&config, "ATGGCCTAAACT", "0:c:+1:0-6 parent=6|MA 1:c:+1:9-12 parent=6|T");
  config.stops = SEQ_STOPS_KEEP;
  assert_one (&config, "ATGGCCTAAACT", "0:c:+1:0-12 parent=6|MA*T");
  config.frames = SEQ_FRAMES_REVERSE;
  assert_one (&config, "ATGGCCTAAACT", "0:c:-1:0-12 parent=6|SLGH 1:c:-2:2-11 parent=6|V*A "
      "2:c:-3:1-10 parent=6|FRP");
  config.frames = SEQ_FRAMES_FORWARD;
  config.genetic_code = 6;      /* TAA is Q */
  config.stops = SEQ_STOPS_SPLIT;
  assert_one (&config, "ATGGCCTAAACT", "0:c:+1:0-12 parent=6|MAQT 1:c:+2:1-10 parent=6|WPK "
      "2:c:+3:2-11 parent=6|GLN");
}

static void
test_short_records (void)
{
  static const gchar *const expected[] = { "", "", "",
    "0:c:+1:0-3 parent=6|K 1:c:-1:0-3 parent=6|F",
    "0:c:+1:0-3 parent=6|K 1:c:+2:1-4 parent=6|K 2:c:-1:1-4 parent=6|F 3:c:-2:0-3 parent=6|F",
    "0:c:+1:0-3 parent=6|K 1:c:+2:1-4 parent=6|K 2:c:+3:2-5 parent=6|K "
        "3:c:-1:2-5 parent=6|F 4:c:-2:1-4 parent=6|F 5:c:-3:0-3 parent=6|F",
    "0:c:+1:0-6 parent=6|KK 1:c:+2:1-4 parent=6|K 2:c:+3:2-5 parent=6|K "
        "3:c:-1:0-6 parent=6|FF 4:c:-2:2-5 parent=6|F 5:c:-3:1-4 parent=6|F",
    "0:c:+1:0-6 parent=6|KK 1:c:+2:1-7 parent=6|KK 2:c:+3:2-5 parent=6|K "
        "3:c:-1:1-7 parent=6|FF 4:c:-2:0-6 parent=6|FF 5:c:-3:2-5 parent=6|F",
    "0:c:+1:0-6 parent=6|KK 1:c:+2:1-7 parent=6|KK 2:c:+3:2-8 parent=6|KK "
        "3:c:-1:2-8 parent=6|FF 4:c:-2:1-7 parent=6|FF 5:c:-3:0-6 parent=6|FF",
    "0:c:+1:0-9 parent=6|KKK 1:c:+2:1-7 parent=6|KK 2:c:+3:2-8 parent=6|KK "
        "3:c:-1:0-9 parent=6|FFF 4:c:-2:2-8 parent=6|FF 5:c:-3:1-7 parent=6|FF",
  };

  for (guint n = 0; n < G_N_ELEMENTS (expected); n++) {
    g_autofree gchar *nucleotides = g_strnfill (n, 'A');

    assert_one (&default_config, nucleotides, expected[n]);
  }
}

static void
test_names (void)
{
  static const gchar *const names[][2] = {
    {"", ":+1:0-3 parent=6"},
    {"contig7", "contig7:+1:0-3 parent=6"},
    {"contig7 some words", "contig7:+1:0-3 some words parent=6"},
    {"contig7\tsome words", "contig7:+1:0-3\tsome words parent=6"},
    {" no first word", ":+1:0-3 no first word parent=6"},
    {"ends ", "ends:+1:0-3  parent=6"},
  };
  SeqTranslateConfig config = default_config;

  config.frames = SEQ_FRAMES_FIRST;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree gchar *product = translate_one (&config, names[i][0], "ATG");
    g_autofree gchar *expected = g_strdup_printf ("0:%s|M", names[i][1]);

    g_assert_cmpstr (product, ==, expected);
  }
}

static void
test_chunks (void)
{
  SeqTranslateConfig config = default_config;

  config.frames = SEQ_FRAMES_FIRST;
  config.chunk = 6;
  assert_one (&config, "", "");
  assert_one (&config, "AAAAA", "0:c:+1:0-3 parent=6|K");
  assert_one (&config, "AAAAAA", "0:c:+1:0-6 parent=6|KK");
  assert_one (&config, "AAAAAACC", "0:c:+1:0-6 parent=6|KK");
  assert_one (&config, "AAAAAACCC", "0:c:+1:0-6 parent=6|KK 1:c:+1:6-9 parent=6|P");
  config.overlap = 2;
  assert_one (&config, "AAAACC", "0:c:+1:0-6 parent=6|KT");
  assert_one (&config, "AAAACCC", "0:c:+1:0-6 parent=6|KT 1:c:+1:4-7 parent=6|P");
  assert_one (&config, "AAAACCCGGG", "0:c:+1:0-6 parent=6|KT 1:c:+1:4-10 parent=6|PG");
  assert_one (&config, "AAAACCCGGGT", "0:c:+1:0-6 parent=6|KT 1:c:+1:4-10 parent=6|PG "
      "2:c:+1:8-11 parent=6|G");
  /* frames of the other strand count from the end of the chunk */
  config.frames = SEQ_FRAMES_REVERSE;
  assert_one (&config, "AAAACCCGGGT", "0:c:-1:0-6 parent=6|GF 1:c:-2:2-5 parent=6|V "
      "2:c:-3:1-4 parent=6|F 3:c:-1:4-10 parent=6|PG 4:c:-2:6-9 parent=6|P "
      "5:c:-3:5-8 parent=6|R 6:c:-1:8-11 parent=6|T");
}

static void
test_stops_in_a_row (void)
{
  SeqTranslateConfig config = default_config;

  config.frames = SEQ_FRAMES_FIRST;
  assert_one (&config, "TAATAGTGA", "");
  assert_one (&config, "TAAATGTAGTGATARATGATGTAA", "0:c:+1:3-6 parent=6|M "
      "1:c:+1:15-21 parent=6|MM");
  config.stops = SEQ_STOPS_KEEP;
  assert_one (&config, "TAAATGTAGTGATARATGATGTAA", "0:c:+1:0-24 parent=6|*M***MM*");
}

static void
test_counts (void)
{
  SeqTranslateConfig config = default_config;
  g_autoptr (SeqTranslator) t = NULL;
  Parents p = { 0 };
  SeqTranslateCounts c;
  guint64 n_before = 0;

  config.frames = SEQ_FRAMES_FIRST;
  config.min_length = 2;
  t = translator_new (&config);
  parents_add (&p, 0, "a", "ATGATGTAAATGTAATAAATGNNNATG--A");     /* MM, M, MXMX */
  parents_add (&p, 1, "b", "AT");
  parents_add (&p, 2, "c", "ATGTAAATG");        /* M, M */
  parents_add (&p, 3, "d", "");
  parents_add (&p, 4, "e", "ATGATG");
  for (guint run = 0; run < 3; run++) {
    GPtrArray *products = translate (t, &p, NULL);

    g_assert_cmpuint (products->len, ==, 3);
    g_assert_cmpuint (g_ascii_strtoull (g_ptr_array_index (products, 0), NULL, 10), ==, n_before);
    g_ptr_array_unref (products);
    seq_translator_get_counts (t, &c);
    g_assert_cmpuint (c.records_in, ==, run == 1 ? 10 : 5);
    g_assert_cmpuint (c.records_out, ==, run == 1 ? 6 : 3);
    g_assert_cmpuint (c.residues, ==, run == 1 ? 16 : 8);
    g_assert_cmpuint (c.unknown, ==, run == 1 ? 4 : 2);
    g_assert_cmpuint (c.too_short, ==, run == 1 ? 6 : 3);
    g_assert_cmpuint (c.without, ==, run == 1 ? 6 : 3);
    n_before = 3;
    if (run == 1) {             /* the second run went on, the third starts anew */
      seq_translator_reset (t);
      n_before = 0;
    }
  }
  parents_clear (&p);
}

static void
test_random (void)
{
  static const gchar *const letters[] = { "ACGT", "ACGTacgtNRY", "AT", "TAGN-" };
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);

  for (guint i = 0; i < 300; i++) {
    SeqTranslateConfig config = {
      .genetic_code = i % 5 == 0 ? 22 : 11,
      .frames = g_rand_int_range (rand, 0, 4),
      .stops = g_rand_int_range (rand, 0, 2),
      .min_length = g_rand_int_range (rand, 1, 12),
      .chunk = i % 3 == 0 ? 0 : g_rand_int_range (rand, 1, 100),
    };
    Parents p = { 0 };

    if (config.chunk > 0)
      /* nearly a whole chunk of it makes very many products, so that is rare */
      config.overlap = g_rand_int_range (rand, 0, i % 20 == 1 ? config.chunk : config.chunk / 2 + 1);
    for (guint k = 0; k < 5; k++) {
      g_autofree gchar *nucleotides = random_nucleotides (rand, g_rand_int_range (rand, 0, 400),
          letters[i % G_N_ELEMENTS (letters)]);

      parents_add (&p, G_GUINT64_CONSTANT (10000000000) + k * 7, k % 2 ? "a b c" : "x",
          nucleotides);
    }
    check (&config, &p);
    parents_clear (&p);
  }
}

/* --- blocks ----------------------------------------------------------------------------------- */

static void
test_many_blocks (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);
  g_autofree gchar *nucleotides = random_nucleotides (rand, 3000000, "ACGT");
  g_autoptr (GArray) sizes = g_array_new (FALSE, FALSE, sizeof (gsize));
  g_autoptr (SeqTranslator) t = translator_new (&default_config);
  Parents p = { 0 };
  GPtrArray *products;

  parents_add (&p, 0, "chromosome of random letters", nucleotides);
  products = translate (t, &p, sizes);
  /* 7 MB of residues and names in blocks that are full but for one product */
  g_assert_cmpuint (sizes->len, >, 5);
  for (guint i = 0; i < sizes->len; i++) {
    g_assert_cmpuint (g_array_index (sizes, gsize, i), <=, 2 * MIB);
    if (i + 1 < sizes->len)
      g_assert_cmpuint (g_array_index (sizes, gsize, i), >, 2 * MIB - 4096);
  }
  g_ptr_array_unref (products);
  check (&default_config, &p);
  parents_clear (&p);
}

/* Of a record that gives no product each call reads a part. */
static void
test_again (void)
{
  SeqTranslateConfig config = default_config;
  g_autofree gchar *nucleotides = g_strnfill (3000000, 'A');
  SeqBlockPool *pool = seq_block_pool_new (2 * MIB - SEQ_BLOCK_SLACK, 2);
  SeqBlock *block = seq_block_pool_acquire (pool);
  g_autoptr (SeqTranslator) t = NULL;
  SeqTranslateResult result;
  SeqTranslateCounts counts;
  Parents p = { 0 };
  guint calls = 0;

  config.chunk = 6;
  config.overlap = 5;
  config.min_length = 3;
  t = translator_new (&config);
  parents_add (&p, 0, "long", nucleotides);
  seq_translator_begin (t, &p.records[0], p.data);
  while ((result = seq_translator_fill (t, block, NULL)) == SEQ_TRANSLATE_AGAIN)
    calls++;
  g_assert_cmpint (result, ==, SEQ_TRANSLATE_DONE);
  g_assert_cmpuint (calls, >, 10);
  seq_translator_get_counts (t, &counts);
  g_assert_cmpuint (counts.without, ==, 1);
  g_assert_cmpuint (counts.too_short, ==, (3000000 - 5) * 6);
  seq_block_unref (block);
  seq_block_pool_unref (pool);
  parents_clear (&p);
}

/* A table has its limit, too: of products of one residue a block holds so many. */
static void
test_many_products (void)
{
  SeqTranslateConfig config = default_config;
  GString *nucleotides = g_string_new (NULL);
  g_autoptr (SeqTranslator) t = NULL;
  g_autoptr (GArray) sizes = g_array_new (FALSE, FALSE, sizeof (gsize));
  Parents p = { 0 };
  GPtrArray *products;

  config.frames = SEQ_FRAMES_FIRST;
  for (guint i = 0; i < 70000; i++)
    g_string_append (nucleotides, "ATGTAA");
  parents_add (&p, 0, "", nucleotides->str);
  t = translator_new (&config);
  products = translate (t, &p, sizes);
  g_assert_cmpuint (products->len, ==, 70000);
  g_assert_cmpuint (sizes->len, ==, 2);
  g_assert_cmpstr (g_ptr_array_index (products, 65536), ==, "65536::+1:393216-393219 parent=0|M");
  g_ptr_array_unref (products);
  check (&config, &p);
  parents_clear (&p);
  g_string_free (nucleotides, TRUE);
}

/* Products longer than a block: each alone in a block that grew for it. */
static void
test_long_products (void)
{
  SeqTranslateConfig config = default_config;
  g_autofree gchar *nucleotides = g_strnfill (9 * MIB, 'N');
  g_autoptr (SeqTranslator) t = NULL;
  g_autoptr (GArray) sizes = g_array_new (FALSE, FALSE, sizeof (gsize));
  Parents p = { 0 };
  GPtrArray *products;

  config.frames = SEQ_FRAMES_FORWARD;
  memcpy (nucleotides, "ATGTAA", 6);    /* something small comes first, in one frame */
  parents_add (&p, 0, "n", nucleotides);
  t = translator_new (&config);
  products = translate (t, &p, sizes);
  g_assert_cmpuint (products->len, ==, 4);
  g_assert_cmpuint (sizes->len, ==, 4);
  g_assert_cmpuint (g_array_index (sizes, gsize, 0), <, 100);
  for (guint i = 1; i < 4; i++)
    g_assert_cmpuint (g_array_index (sizes, gsize, i), >, 3 * MIB - 10);
  g_ptr_array_unref (products);
  check (&config, &p);
  parents_clear (&p);
}

/* A product fills its block to the last bytes, one more, one less: letters, then name. */
static void
test_full_to_the_brim (void)
{
  SeqTranslateConfig config = default_config;

  config.frames = SEQ_FRAMES_FIRST;
  for (gsize n = 2 * MIB - SEQ_BLOCK_SLACK - 90; n < 2 * MIB; n++) {
    g_autofree gchar *nucleotides = g_strnfill (3 * n + 3, 'C');
    g_autoptr (SeqTranslator) t = translator_new (&config);
    g_autoptr (GArray) sizes = g_array_new (FALSE, FALSE, sizeof (gsize));
    Parents p = { 0 };
    GPtrArray *products;

    memcpy (nucleotides + 3 * n, "TAA", 3);
    parents_add (&p, 0, "c", nucleotides);
    products = translate (t, &p, sizes);
    g_assert_cmpuint (products->len, ==, 1);
    g_assert_cmpuint (sizes->len, ==, 1);
    g_assert_cmpuint (g_array_index (sizes, gsize, 0), ==, n + strlen ("c:+1:0- parent=0") + 7);
    g_ptr_array_unref (products);
    parents_clear (&p);
    n += 6;
  }
}

/* --- errors ----------------------------------------------------------------------------------- */

static void
test_settings (void)
{
  static const SeqTranslateConfig bad[] = {
    {.genetic_code = 0,.min_length = 1},
    {.genetic_code = 7,.min_length = 1},
    {.genetic_code = 34,.min_length = 1},
    {.genetic_code = 1,.min_length = 1,.overlap = 1},
    {.genetic_code = 1,.min_length = 1,.chunk = 3,.overlap = 3},
    {.genetic_code = 1,.min_length = 1,.chunk = 3,.overlap = G_MAXUINT32},
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (seq_translator_new (&bad[i], &error));
    g_assert_error (error, SEQ_TRANSLATE_ERROR, SEQ_TRANSLATE_ERROR_SETTINGS);
  }
}

/* The name alone would be 4 GiB. It is never read so far: the table only says so. */
static void
test_too_long (void)
{
  g_autoptr (SeqTranslator) t = translator_new (&default_config);
  SeqBlockPool *pool = seq_block_pool_new (2 * MIB - SEQ_BLOCK_SLACK, 2);
  SeqBlock *block = seq_block_pool_acquire (pool);
  g_autoptr (GError) error = NULL;
  Parents p = { 0 };

  parents_add (&p, 5, "a b", "ATG");
  parents_add (&p, 9, "a b", "ATG");
  p.records[1].name_len = G_MAXUINT32;
  seq_translator_begin (t, &p.records[0], p.data);
  g_assert_cmpint (seq_translator_fill (t, block, &error), ==, SEQ_TRANSLATE_DONE);
  g_assert_cmpuint (block->n_records, ==, 2);
  seq_translator_begin (t, &p.records[1], p.data);
  /* first it wants a block of its own */
  g_assert_cmpint (seq_translator_fill (t, block, &error), ==, SEQ_TRANSLATE_FULL);
  g_assert_cmpuint (block->n_records, ==, 2);
  seq_block_unref (block);
  block = seq_block_pool_acquire (pool);
  g_assert_cmpint (seq_translator_fill (t, block, &error), ==, SEQ_TRANSLATE_FAILED);
  g_assert_error (error, SEQ_TRANSLATE_ERROR, SEQ_TRANSLATE_ERROR_TOO_LONG);
  g_assert_nonnull (strstr (error->message, "record 9"));
  g_assert_cmpuint (block->n_records, ==, 0);
  seq_block_unref (block);
  seq_block_pool_unref (pool);
  parents_clear (&p);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/translate/six-frames", test_six_frames);
  g_test_add_func ("/translate/short-records", test_short_records);
  g_test_add_func ("/translate/names", test_names);
  g_test_add_func ("/translate/chunks", test_chunks);
  g_test_add_func ("/translate/stops-in-a-row", test_stops_in_a_row);
  g_test_add_func ("/translate/counts", test_counts);
  g_test_add_func ("/translate/random", test_random);
  g_test_add_func ("/translate/many-blocks", test_many_blocks);
  g_test_add_func ("/translate/many-products", test_many_products);
  g_test_add_func ("/translate/again", test_again);
  g_test_add_func ("/translate/long-products", test_long_products);
  g_test_add_func ("/translate/full-to-the-brim", test_full_to_the_brim);
  g_test_add_func ("/translate/settings", test_settings);
  g_test_add_func ("/translate/too-long", test_too_long);
  return g_test_run ();
}
