/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstseqsortsettings.h"

#define DEFAULT_ORDER SEQ_SORT_ASCENDING
#define DEFAULT_WINDOW 0
#define DEFAULT_SEED 0
#define DEFAULT_MAX_BYTES 0
#define DEFAULT_GROUP 8192

#define GST_TYPE_SEQ_SORT_ORDER (gst_seq_sort_order_get_type ())
static GType
gst_seq_sort_order_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {SEQ_SORT_ASCENDING, "Shortest first", "ascending"},
    {SEQ_SORT_DESCENDING, "Longest first", "descending"},
    {SEQ_SORT_SHUFFLE, "Random order by seed", "shuffle"},
    {SEQ_SORT_GROUPED, "Random order by seed, then groups of window records by length", "grouped"},
    {SEQ_SORT_NONE, "Pass blocks through", "none"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstSeqSortOrder", values));
  return type;
}

void
gst_seq_sort_settings_init (GstSeqSortSettings * settings)
{
  *settings = (GstSeqSortSettings) {
    .order = DEFAULT_ORDER,
    .window = DEFAULT_WINDOW,
    .seed = DEFAULT_SEED,
    .max_bytes = DEFAULT_MAX_BYTES,
  };
}

void
gst_seq_sort_settings_clear (GstSeqSortSettings * settings)
{
  g_clear_pointer (&settings->spill_directory, g_free);
}

static void
install_order (GObjectClass * klass, GParamFlags rw)
{
  /**
   * GstSeqSort:order:
   *
   * Records of one length stand by ascending id. With `descending` the batch that needs the most
   * memory comes first, and shows at once whether it fits.
   * A change while PLAYING holds from the next window on.
   */
  g_object_class_install_property (klass, GST_SEQ_SORT_PROP_ORDER,
      g_param_spec_enum ("order", "Order", "Order of the records; a change holds from the next "
          "window on", GST_TYPE_SEQ_SORT_ORDER, DEFAULT_ORDER, rw));
  /**
   * GstSeqSort:window:
   *
   * Records that are sorted together and then sent; 0: all of the input. With `order=grouped`
   * everything is shuffled together, and this is the size of a group (0: 8192).
   * A change while PLAYING holds from the next window on.
   */
  g_object_class_install_property (klass, GST_SEQ_SORT_PROP_WINDOW,
      g_param_spec_uint ("window", "Window", "Records sorted together (0 = whole input); with "
          "order=grouped: records in a group (0 = 8192). A change holds from the next window on",
          0, G_MAXUINT, DEFAULT_WINDOW, rw));
  /**
   * GstSeqSort:seed:
   *
   * Seed of `order=shuffle` and `order=grouped`; every number gives another order, 0 too. With
   * one seed the order depends on the ids alone. A change holds from the next window on.
   */
  g_object_class_install_property (klass, GST_SEQ_SORT_PROP_SEED,
      g_param_spec_uint64 ("seed", "Seed", "Seed of the random orders; a change holds from the "
          "next window on", 0, G_MAXUINT64, DEFAULT_SEED, rw));
}

static void
install_limit (GObjectClass * klass, GParamFlags rw)
{
  /**
   * GstSeqSort:max-bytes:
   *
   * Bytes of memory for the records of a window: the memory of the blocks that came in, and 32
   * bytes a record. What would be more is sorted and written to a file in `spill-directory`, and
   * in the end the files are merged; the order of the records is the same as without. 0: no limit.
   * A block that is larger by itself is held nevertheless, and written at once. While files are
   * merged the limit holds for what is read ahead, but 2 MiB are taken in any case, and a record
   * that is longer than that is held as long as it takes to send or to copy it.
   * A change while PLAYING holds from the next window on.
   */
  g_object_class_install_property (klass, GST_SEQ_SORT_PROP_MAX_BYTES,
      g_param_spec_uint64 ("max-bytes", "Maximum bytes", "Bytes of memory for records; more are "
          "sorted by way of files in spill-directory (0 = no limit). A change holds from the next "
          "window on", 0, G_MAXUINT64, DEFAULT_MAX_BYTES, rw));
  /**
   * GstSeqSort:spill-directory:
   *
   * Where files are made once a window has more than `max-bytes`. They have no name, so nothing
   * stays behind whatever happens, and take about as many bytes as the records; merged in more
   * than one pass, up to twice as many. %NULL: TMPDIR from the environment, or else /var/tmp; not
   * /tmp, which is memory on many systems.
   * A change while PLAYING holds from the next window on.
   */
  g_object_class_install_property (klass, GST_SEQ_SORT_PROP_SPILL_DIRECTORY,
      g_param_spec_string ("spill-directory", "Spill directory", "Directory for records above "
          "max-bytes, on a disk (NULL = $TMPDIR, or else /var/tmp). A change holds from the next "
          "window on", NULL, rw));
}

void
gst_seq_sort_settings_install (GObjectClass * klass)
{
  const GParamFlags rw = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

  install_order (klass, rw);
  install_limit (klass, rw);
  /**
   * GstSeqSort:stats:
   *
   * What has been sent since READY: `records`, `blocks`, and `windows` that were sorted. Of the
   * windows that have ended: `runs` (files written from memory), `passes` (merges of files that a
   * record has gone through at most), `spilled-bytes` (written to files, in all passes),
   * `peak-bytes` (held for records at most), and in ns `sort-time` (finding the order),
   * `spill-time` (writing runs) and `merge-time` (merging, and filling the blocks that are sent).
   * All are of type guint64.
   *
   * After each window that was sorted by way of files the element message `seq-sort-spill` tells
   * the same of that window, without `blocks` and `windows`.
   */
  g_object_class_install_property (klass, GST_SEQ_SORT_PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics", "Since READY: records, blocks, windows; runs, "
          "passes, spilled-bytes, peak-bytes (held for records at most), and sort-time, "
          "spill-time, merge-time in ns. Message seq-sort-spill tells them of a window that was "
          "sorted by way of files", GST_TYPE_STRUCTURE,
          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  gst_type_mark_as_plugin_api (GST_TYPE_SEQ_SORT_ORDER, 0);
}

gboolean
gst_seq_sort_settings_set (GstSeqSortSettings * settings, guint prop, const GValue * value)
{
  switch (prop) {
    case GST_SEQ_SORT_PROP_ORDER:
      settings->order = g_value_get_enum (value);
      break;
    case GST_SEQ_SORT_PROP_WINDOW:
      settings->window = g_value_get_uint (value);
      break;
    case GST_SEQ_SORT_PROP_SEED:
      settings->seed = g_value_get_uint64 (value);
      break;
    case GST_SEQ_SORT_PROP_MAX_BYTES:
      settings->max_bytes = g_value_get_uint64 (value);
      break;
    case GST_SEQ_SORT_PROP_SPILL_DIRECTORY:
      g_free (settings->spill_directory);
      settings->spill_directory = g_value_dup_string (value);
      break;
    default:
      return FALSE;
  }
  return TRUE;
}

gboolean
gst_seq_sort_settings_get (const GstSeqSortSettings * settings, guint prop, GValue * value)
{
  switch (prop) {
    case GST_SEQ_SORT_PROP_ORDER:
      g_value_set_enum (value, settings->order);
      break;
    case GST_SEQ_SORT_PROP_WINDOW:
      g_value_set_uint (value, settings->window);
      break;
    case GST_SEQ_SORT_PROP_SEED:
      g_value_set_uint64 (value, settings->seed);
      break;
    case GST_SEQ_SORT_PROP_MAX_BYTES:
      g_value_set_uint64 (value, settings->max_bytes);
      break;
    case GST_SEQ_SORT_PROP_SPILL_DIRECTORY:
      g_value_set_string (value, settings->spill_directory);
      break;
    default:
      return FALSE;
  }
  return TRUE;
}

void
gst_seq_sort_settings_configure (const GstSeqSortSettings * settings, SeqSorterConfig * config)
{
  config->order = settings->order;
  config->seed = settings->seed;
  config->group = settings->window > 0 ? settings->window : DEFAULT_GROUP;
  config->max_bytes = settings->max_bytes;
  config->directory = settings->spill_directory;
}
