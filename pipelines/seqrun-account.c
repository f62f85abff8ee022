/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The closing account. What elements say of themselves (`stats`) is printed as it stands; whether
 * all records arrived is counted at the sinks, where no element can be wrong about it. */

#include "seqrun-account.h"

#include <string.h>

#include <gst/seq/seq.h>

/* What passed one pad. Written by the pad's streaming thread, read by the main loop. */
typedef struct
{
  GstElement *element;
  GMutex lock;
  gboolean has_records;         /* saw a block or a batch */
  guint64 records;
  guint64 buffers;
  guint64 bytes;
} Meter;

/* What stands upstream of a sink. */
typedef struct
{
  GHashTable *seen;
  gboolean has_source;
  guint64 expected;             /* records that the sources and translators gave out */
  guint64 left_out;             /* of those, left out as properties told */
  Meter *encoder;               /* where records were counted before they became text */
} Upstream;

struct _SeqrunAccount
{
  GstBin *pipeline;
  GPtrArray *elements;          /* from sources to sinks */
  GPtrArray *sinks;             /* Meter */
  GPtrArray *encoders;          /* Meter */
};

/* ---- meters ---- */

/* Windows of one record count once, by the first. */
static gboolean
count_records (GstBuffer * buffer, guint64 * records)
{
  GstSeqRecordsMeta *block = gst_buffer_get_seq_records_meta (buffer);
  GstSeqBatchMeta *batch = gst_buffer_get_seq_batch_meta (buffer);

  if (block)
    *records += block->n_records;
  for (guint i = 0; batch && i < batch->n_records; i++)
    *records += batch->records[i].window == 0;
  return block || batch;
}

static void
meter_count (Meter * meter, GstBuffer * buffer)
{
  g_mutex_lock (&meter->lock);
  if (count_records (buffer, &meter->records))
    meter->has_records = TRUE;
  meter->buffers++;
  meter->bytes += gst_buffer_get_size (buffer);
  g_mutex_unlock (&meter->lock);
}

static GstPadProbeReturn
meter_probe (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    meter_count (data, GST_PAD_PROBE_INFO_BUFFER (info));
  } else {
    GstBufferList *list = GST_PAD_PROBE_INFO_BUFFER_LIST (info);

    for (guint i = 0; i < gst_buffer_list_length (list); i++)
      meter_count (data, gst_buffer_list_get (list, i));
  }
  return GST_PAD_PROBE_OK;
}

static void
meter_free (gpointer data)
{
  Meter *meter = data;

  gst_object_unref (meter->element);
  g_mutex_clear (&meter->lock);
  g_free (meter);
}

static gboolean
meter_watch_pad (GstElement * element, GstPad * pad, gpointer meter)
{
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST, meter_probe,
      meter, NULL);
  return TRUE;
}

static Meter *
meter_new (GstElement * element)
{
  Meter *meter = g_new0 (Meter, 1);

  meter->element = gst_object_ref (element);
  g_mutex_init (&meter->lock);
  gst_element_foreach_sink_pad (element, meter_watch_pad, meter);
  return meter;
}

static const gchar *
factory_name (GstElement * element)
{
  GstElementFactory *factory = gst_element_get_factory (element);

  return factory ? GST_OBJECT_NAME (factory) : G_OBJECT_TYPE_NAME (element);
}

SeqrunAccount *
seqrun_account_new (GstBin * pipeline)
{
  SeqrunAccount *account = g_new0 (SeqrunAccount, 1);
  GstIterator *iterator = gst_bin_iterate_recurse (pipeline);
  GValue item = G_VALUE_INIT;

  account->pipeline = gst_object_ref (pipeline);
  account->elements = g_ptr_array_new_with_free_func (gst_object_unref);
  account->sinks = g_ptr_array_new_with_free_func (meter_free);
  account->encoders = g_ptr_array_new_with_free_func (meter_free);
  /* nothing is added while the description is at rest, so there is no resync to wait for */
  while (gst_iterator_next (iterator, &item) == GST_ITERATOR_OK) {
    GstElement *element = g_value_get_object (&item);

    g_ptr_array_insert (account->elements, 0, gst_object_ref (element));
    if (g_str_equal (factory_name (element), "seqenc"))
      g_ptr_array_add (account->encoders, meter_new (element));
    else if (GST_OBJECT_FLAG_IS_SET (element, GST_ELEMENT_FLAG_SINK) && !GST_IS_BIN (element))
      g_ptr_array_add (account->sinks, meter_new (element));
    g_value_reset (&item);
  }
  g_value_unset (&item);
  gst_iterator_free (iterator);
  return account;
}

void
seqrun_account_free (SeqrunAccount * account)
{
  g_ptr_array_unref (account->elements);
  g_ptr_array_unref (account->sinks);
  g_ptr_array_unref (account->encoders);
  gst_object_unref (account->pipeline);
  g_free (account);
}

static guint64
most_records (GPtrArray * meters)
{
  guint64 most = 0;

  for (guint i = 0; i < meters->len; i++) {
    Meter *meter = g_ptr_array_index (meters, i);

    g_mutex_lock (&meter->lock);
    most = MAX (most, meter->records);
    g_mutex_unlock (&meter->lock);
  }
  return most;
}

guint64
seqrun_account_get_arrived (SeqrunAccount * account)
{
  return MAX (most_records (account->sinks), most_records (account->encoders));
}

/* ---- what elements say ---- */

/* Our elements' `stats`; those of GStreamer's own elements have media types for names. */
static GstStructure *
get_stats (GstElement * element)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (element), "stats");
  GstStructure *stats = NULL;

  if (pspec && (pspec->flags & G_PARAM_READABLE) && pspec->value_type == GST_TYPE_STRUCTURE)
    g_object_get (element, "stats", &stats, NULL);
  if (stats && strchr (gst_structure_get_name (stats), '/'))
    g_clear_pointer (&stats, gst_structure_free);
  return stats;
}

static guint64
get_count (const GstStructure * stats, const gchar * field)
{
  guint64 value = 0;

  gst_structure_get_uint64 (stats, field, &value);
  return value;
}

/* ---- upstream of a sink ---- */

static gboolean walk_pad (GstElement * element, GstPad * sinkpad, gpointer data);

static Meter *
find_encoder (SeqrunAccount * account, GstElement * element)
{
  for (guint i = 0; i < account->encoders->len; i++) {
    Meter *meter = g_ptr_array_index (account->encoders, i);

    if (meter->element == element)
      return meter;
  }
  return NULL;
}

typedef struct
{
  SeqrunAccount *account;
  Upstream *up;
} Walk;

/* Whether an element makes records, of a file or of other records; adds how many. */
static gboolean
count_given_out (const GstStructure * stats, guint64 * records)
{
  gboolean is_source = gst_structure_has_name (stats, "seq-stats");
  gboolean is_translator = gst_structure_has_name (stats, "seq-translate-stats");

  if (is_source)
    *records += get_count (stats, "records");
  if (is_translator)
    *records += get_count (stats, "records-out");
  return is_source || is_translator;
}

static void
walk_element (Walk * walk, GstElement * element)
{
  GstStructure *stats;
  gboolean is_source = FALSE;

  if (!g_hash_table_add (walk->up->seen, element))
    return;
  if (!walk->up->encoder)
    walk->up->encoder = find_encoder (walk->account, element);
  if ((stats = get_stats (element))) {
    is_source = count_given_out (stats, &walk->up->expected);
    if (gst_structure_has_name (stats, "seq-batch-stats"))
      walk->up->left_out += get_count (stats, "skipped") + get_count (stats, "dropped");
    gst_structure_free (stats);
  }
  if (is_source)
    walk->up->has_source = TRUE;
  else
    gst_element_foreach_sink_pad (element, walk_pad, walk);
}

/* The element's own pad that feeds @sinkpad, through the walls of bins. */
static GstPad *
get_feeding_pad (GstPad * sinkpad)
{
  GstPad *pad = gst_pad_get_peer (sinkpad), *next;

  while (pad && GST_IS_PROXY_PAD (pad)) {
    if (GST_IS_GHOST_PAD (pad)) {
      next = gst_ghost_pad_get_target (GST_GHOST_PAD (pad));
    } else {
      GstProxyPad *outside = gst_proxy_pad_get_internal (GST_PROXY_PAD (pad));

      next = outside ? gst_pad_get_peer (GST_PAD (outside)) : NULL;
      g_clear_object (&outside);
    }
    gst_object_unref (pad);
    pad = next;
  }
  return pad;
}

static gboolean
walk_pad (GstElement * element, GstPad * sinkpad, gpointer data)
{
  GstPad *pad = get_feeding_pad (sinkpad);
  GstElement *feeder = pad ? gst_pad_get_parent_element (pad) : NULL;

  if (feeder)
    walk_element (data, feeder);
  gst_clear_object (&feeder);
  gst_clear_object (&pad);
  return TRUE;
}

static void
look_upstream (SeqrunAccount * account, GstElement * sink, Upstream * up)
{
  Walk walk = { account, up };

  memset (up, 0, sizeof *up);
  up->seen = g_hash_table_new (NULL, NULL);
  gst_element_foreach_sink_pad (sink, walk_pad, &walk);
  g_clear_pointer (&up->seen, g_hash_table_unref);
}

/* ---- text ---- */

static void
print_value (FILE * file, const gchar * name, const gchar * value)
{
  gchar *label = g_strdelimit (g_strdup (name), "-", ' ');

  fprintf (file, "  %-20s %15s\n", label, value);
  g_free (label);
}

static void
print_count (FILE * file, const gchar * name, guint64 count)
{
  gchar *text = g_strdup_printf ("%" G_GUINT64_FORMAT, count);

  print_value (file, name, text);
  g_free (text);
}

static void
print_real (FILE * file, const gchar * name, gdouble value, guint digits)
{
  gchar *text = g_strdup_printf ("%.*f", (gint) digits, value);

  print_value (file, name, text);
  g_free (text);
}

static void
print_field (FILE * file, const gchar * name, const GValue * value)
{
  gchar *text;

  /* the elements' way to say that a number is not known */
  if (G_VALUE_HOLDS_UINT64 (value) && g_value_get_uint64 (value) == GST_SEQ_MEMORY_UNKNOWN)
    return;
  if (G_VALUE_HOLDS_UINT64 (value) && g_str_has_suffix (name, "-time")) {       /* in ns */
    text = g_strconcat (name, ", ms", NULL);
    print_real (file, text, g_value_get_uint64 (value) / 1e6, 3);
    g_free (text);
  } else if (G_VALUE_HOLDS_DOUBLE (value)) {
    print_real (file, name, g_value_get_double (value), 4);
  } else if (G_VALUE_HOLDS_STRING (value)) {
    print_value (file, name, g_value_get_string (value) ? g_value_get_string (value) : "");
  } else {
    text = gst_value_serialize (value);
    print_value (file, name, text ? text : "");
    g_free (text);
  }
}

static void
print_stats (FILE * file, GstElement * element, const GstStructure * stats)
{
  gboolean is_source = gst_structure_has_name (stats, "seq-stats");

  fprintf (file, "%s (%s)\n", GST_OBJECT_NAME (element), factory_name (element));
  for (gint i = 0; i < gst_structure_n_fields (stats); i++) {
    const gchar *name = gst_structure_nth_field_name (stats, i);
    const gchar *label = is_source && g_str_equal (name, "records") ? "records in" : name;

    print_field (file, label, gst_structure_get_value (stats, name));
  }
}

static void
print_sink (SeqrunAccount * account, FILE * file, Meter * sink)
{
  Upstream up;
  Meter *counted;

  look_upstream (account, sink->element, &up);
  counted = up.encoder ? up.encoder : sink;
  fprintf (file, "%s (%s)\n", GST_OBJECT_NAME (sink->element), factory_name (sink->element));
  if (counted->has_records || up.has_source)
    print_count (file, "records out", counted->records);
  if (up.left_out > 0)
    print_count (file, "left out as told", up.left_out);
  print_count (file, "buffers out", sink->buffers);
  print_count (file, "bytes out", sink->bytes);
}

void
seqrun_account_print (SeqrunAccount * account, FILE * file, gdouble seconds)
{
  guint64 records = 0, tokens = 0;

  for (guint i = 0; i < account->elements->len; i++) {
    GstElement *element = g_ptr_array_index (account->elements, i);
    GstStructure *stats = get_stats (element);

    if (!stats)
      continue;
    if (gst_structure_has_name (stats, "seq-stats"))
      records += get_count (stats, "records");
    if (gst_structure_has_name (stats, "seq-batch-stats"))
      tokens += get_count (stats, "tokens");
    print_stats (file, element, stats);
    gst_structure_free (stats);
  }
  for (guint i = 0; i < account->sinks->len; i++)
    print_sink (account, file, g_ptr_array_index (account->sinks, i));
  fprintf (file, "total\n");
  print_real (file, "wall time, s", seconds, 3);
  if (records > 0)
    print_real (file, "records/s", records / MAX (seconds, 1e-9), 0);
  if (tokens > 0)
    print_real (file, "tokens/s", tokens / MAX (seconds, 1e-9), 0);
}

/* Compares what arrived with what was given out upstream, where that is known. */
static gboolean
check_arrival (FILE * file, GstElement * element, guint64 arrived, const Upstream * up)
{
  gboolean complete = !up->has_source || arrived + up->left_out == up->expected;

  if (!complete)
    fprintf (file, "seqrun: %s got %" G_GUINT64_FORMAT " records and %" G_GUINT64_FORMAT
        " were left out as told, but the source gave out %" G_GUINT64_FORMAT "\n",
        GST_OBJECT_NAME (element), arrived, up->left_out, up->expected);
  return complete;
}

gboolean
seqrun_account_check (SeqrunAccount * account, FILE * file)
{
  gboolean complete = TRUE;
  Upstream up;

  for (guint i = 0; i < account->sinks->len; i++) {
    Meter *sink = g_ptr_array_index (account->sinks, i);

    look_upstream (account, sink->element, &up);
    complete &= check_arrival (file, sink->element,
        up.encoder ? up.encoder->records : sink->records, &up);
  }
  /* a translator is the end of the records that it takes and the source of those that it makes */
  for (guint i = 0; i < account->elements->len; i++) {
    GstElement *element = g_ptr_array_index (account->elements, i);
    GstStructure *stats = get_stats (element);

    if (stats && gst_structure_has_name (stats, "seq-translate-stats")) {
      look_upstream (account, element, &up);
      complete &= check_arrival (file, element, get_count (stats, "records-in"), &up);
    }
    g_clear_pointer (&stats, gst_structure_free);
  }
  return complete;
}
