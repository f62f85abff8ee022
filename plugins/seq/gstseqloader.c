/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-seqloader
 * @title: seqloader
 *
 * A whole loader as one element: seqsrc ! seqsort ! seqbatch ! pinnedqueue ! cudamemguard. Its
 * properties are the arguments of a PyTorch style data loader; everything else is reached through
 * the children `src`, `sort`, `batch`, `queue` and `guard`.
 *
 * `shuffle` with `sort-by-length` shuffles all records and then sorts each group of some thousand
 * by length (seqsort order=grouped), so that batches come in random company and still have little
 * padding. Sorting everything and then shuffling the records would undo the sort.
 *
 * |[
 * gst-launch-1.0 seqloader location=proteins.fa batch-size=64 shuffle=true
 *     batch::max-tokens=16384 ! fakesink
 * ]|
 */

#include "gstseqloader.h"

GST_DEBUG_CATEGORY_STATIC (seq_loader_debug);
#define GST_CAT_DEFAULT seq_loader_debug

enum
{
  PROP_0,
  PROP_LOCATION,
  PROP_BATCH_SIZE,
  PROP_NUM_GPUS,
  PROP_DATALOADER_WORKERS,
  PROP_PIN_MEMORY,
  PROP_SHUFFLE,
  PROP_SORT_BY_LENGTH,
};

/* in the order in which they are linked */
enum
{
  CHILD_SRC,
  CHILD_SORT,
  CHILD_BATCH,
  CHILD_QUEUE,
  CHILD_GUARD,
  N_CHILDREN,
};

static const struct
{
  const gchar *factory, *name;
} children[N_CHILDREN] = {
  {"seqsrc", "src"}, {"seqsort", "sort"}, {"seqbatch", "batch"}, {"pinnedqueue", "queue"},
  {"cudamemguard", "guard"},
};

struct _GstSeqLoader
{
  GstBin parent;

  GstElement *children[N_CHILDREN];     /* NULL where the element is not installed */

  /* object lock */
  gboolean pin_memory;
  gboolean shuffle;
  gboolean sort_by_length;
};

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC,
    GST_PAD_ALWAYS, GST_STATIC_CAPS ("other/tensors, format=(string){ flexible, static }, "
        "framerate=(fraction)0/1"));

#define gst_seq_loader_parent_class parent_class
G_DEFINE_TYPE_WITH_CODE (GstSeqLoader, gst_seq_loader, GST_TYPE_BIN,
    G_IMPLEMENT_INTERFACE (GST_TYPE_PRESET, NULL)
    GST_DEBUG_CATEGORY_INIT (seq_loader_debug, "seqloader", 0, "sequence loader"))
GST_ELEMENT_REGISTER_DEFINE (seqloader, "seqloader", GST_RANK_NONE, GST_TYPE_SEQ_LOADER)

/* shuffle and sort-by-length are one choice of seqsort's order. */
static void
update_order (GstSeqLoader * self)
{
  const gchar *order;
  gboolean shuffle, sort;

  GST_OBJECT_LOCK (self);
  shuffle = self->shuffle;
  sort = self->sort_by_length;
  GST_OBJECT_UNLOCK (self);

  if (shuffle)
    order = sort ? "grouped" : "shuffle";
  else
    order = sort ? "ascending" : "none";
  gst_util_set_object_arg (G_OBJECT (self->children[CHILD_SORT]), "order", order);
}

/* Which child's property is meant where the loader's is only another name for it. */
static GObject *
find_target (GstSeqLoader * self, guint id, const gchar ** name)
{
  switch (id) {
    case PROP_LOCATION:
      *name = "location";
      return G_OBJECT (self->children[CHILD_SRC]);
    case PROP_BATCH_SIZE:
      *name = "batch-size";
      return G_OBJECT (self->children[CHILD_BATCH]);
    case PROP_NUM_GPUS:
      *name = "num-gpus";
      return G_OBJECT (self->children[CHILD_BATCH]);
    case PROP_DATALOADER_WORKERS:
      *name = "workers";
      return G_OBJECT (self->children[CHILD_BATCH]);
    default:
      return NULL;
  }
}

static void
gst_seq_loader_set_property (GObject * object, guint id, const GValue * value, GParamSpec * pspec)
{
  GstSeqLoader *self = GST_SEQ_LOADER (object);
  const gchar *name;
  GObject *target = find_target (self, id, &name);

  if (target) {
    g_object_set_property (target, name, value);
    return;
  }
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_PIN_MEMORY:
      self->pin_memory = g_value_get_boolean (value);
      break;
    case PROP_SHUFFLE:
      self->shuffle = g_value_get_boolean (value);
      break;
    case PROP_SORT_BY_LENGTH:
      self->sort_by_length = g_value_get_boolean (value);
      break;
    default:
      break;                    /* a child that is missing: said when the state changes */
  }
  GST_OBJECT_UNLOCK (self);
  if (id == PROP_PIN_MEMORY && self->children[CHILD_QUEUE])
    gst_util_set_object_arg (G_OBJECT (self->children[CHILD_QUEUE]), "pin-memory",
        g_value_get_boolean (value) ? "auto" : "off");
  else if (id != PROP_PIN_MEMORY && self->children[CHILD_SORT])
    update_order (self);
}

static void
gst_seq_loader_get_property (GObject * object, guint id, GValue * value, GParamSpec * pspec)
{
  GstSeqLoader *self = GST_SEQ_LOADER (object);
  const gchar *name;
  GObject *target = find_target (self, id, &name);

  if (target) {
    g_object_get_property (target, name, value);
    return;
  }
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_PIN_MEMORY:
      g_value_set_boolean (value, self->pin_memory);
      break;
    case PROP_SHUFFLE:
      g_value_set_boolean (value, self->shuffle);
      break;
    case PROP_SORT_BY_LENGTH:
      g_value_set_boolean (value, self->sort_by_length);
      break;
    default:
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static GstStateChangeReturn
gst_seq_loader_change_state (GstElement * element, GstStateChange transition)
{
  GstSeqLoader *self = GST_SEQ_LOADER (element);

  for (guint i = 0; transition == GST_STATE_CHANGE_NULL_TO_READY && i < N_CHILDREN; i++) {
    if (!self->children[i]) {
      GST_ELEMENT_ERROR (self, CORE, MISSING_PLUGIN, ("element '%s' is missing",
              children[i].factory), (NULL));
      return GST_STATE_CHANGE_FAILURE;
    }
  }
  return GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
}

static void
gst_seq_loader_init (GstSeqLoader * self)
{
  GstElement *previous = NULL;
  GstPad *pad;

  for (guint i = 0; i < N_CHILDREN; i++) {
    GstElement *child = gst_element_factory_make (children[i].factory, children[i].name);

    self->children[i] = child;
    if (!child)
      continue;
    gst_bin_add (GST_BIN (self), child);
    if (previous)
      gst_element_link (previous, child);
    previous = child;
  }
  self->pin_memory = TRUE;
  self->sort_by_length = TRUE;
  if (self->children[CHILD_SORT])
    update_order (self);

  pad = previous ? gst_element_get_static_pad (previous, "src") : NULL;
  gst_element_add_pad (GST_ELEMENT (self), gst_ghost_pad_new_from_template ("src", pad,
          gst_element_class_get_pad_template (GST_ELEMENT_GET_CLASS (self), "src")));
  gst_clear_object (&pad);
  GST_OBJECT_FLAG_SET (self, GST_ELEMENT_FLAG_SOURCE);
  gst_bin_set_suppressed_flags (GST_BIN (self), GST_ELEMENT_FLAG_SOURCE | GST_ELEMENT_FLAG_SINK);
}

static void
gst_seq_loader_class_init (GstSeqLoaderClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  const GParamFlags ready = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

  object_class->set_property = gst_seq_loader_set_property;
  object_class->get_property = gst_seq_loader_get_property;
  element_class->change_state = gst_seq_loader_change_state;

  g_object_class_install_property (object_class, PROP_LOCATION,
      g_param_spec_string ("location", "Location", "What to read (src::location): a file, a pattern, "
          "a directory, '-' for standard input, or a URI", NULL, ready));
  g_object_class_install_property (object_class, PROP_BATCH_SIZE,
      g_param_spec_uint ("batch-size", "Batch size", "Records in a batch at most "
          "(batch::batch-size; 0 = no limit)", 0, G_MAXINT32, 32,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING));
  g_object_class_install_property (object_class, PROP_NUM_GPUS,
      g_param_spec_uint ("num-gpus", "Number of GPUs", "Loaders that share this machine's "
          "processors, one for each GPU (batch::num-gpus)", 1, 1024, 1, ready));
  g_object_class_install_property (object_class, PROP_DATALOADER_WORKERS,
      g_param_spec_int ("dataloader-workers", "Data loader workers", "Threads that write batches "
          "(batch::workers; -1 = one less than processors / num-gpus, 1 to 7; 0 = none)", -1, 256,
          -1, ready));
  g_object_class_install_property (object_class, PROP_PIN_MEMORY,
      g_param_spec_boolean ("pin-memory", "Pin memory", "Keep batches in page-locked memory where "
          "there is a device that can use it (queue::pin-memory=auto); false = never", TRUE, ready));
  g_object_class_install_property (object_class, PROP_SHUFFLE,
      g_param_spec_boolean ("shuffle", "Shuffle", "Random order, by sort::seed. With sort-by-length "
          "records are sorted within groups of sort::window after the shuffle, so that padding "
          "stays low", FALSE, ready));
  g_object_class_install_property (object_class, PROP_SORT_BY_LENGTH,
      g_param_spec_boolean ("sort-by-length", "Sort by length", "Put records of like length into a "
          "batch", TRUE, ready));

  gst_element_class_set_static_metadata (element_class, "Sequence loader", "Source/Bin",
      "Reads, sorts, batches and prefetches sequences, and watches the GPU's memory", "gst-seq");
  gst_element_class_add_static_pad_template (element_class, &src_template);
}
