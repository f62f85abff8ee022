/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How an application embeds gst-seq: sequences that it has in memory, an allocator of its own that
 * the guard watches, a bus watch, and a property that changes while the pipeline plays.
 *
 *   gcc embed.c $(pkg-config --cflags --libs gstseq-1.0) */

#include <gst/gst.h>
#include <gst/seq/seq.h>

#define N_BLOCKS 40
#define BLOCK_RECORDS 256

/* ---- an allocator that cudamemguard can ask and trim: here two numbers ---- */

G_DECLARE_FINAL_TYPE (AppMemory, app_memory, APP, MEMORY, GObject)
struct _AppMemory
{
  GObject parent;
  guint64 cached;
};

static gboolean
app_memory_query (GstSeqMemoryProvider * provider, gint device_id, GstSeqMemoryStats * stats)
{
  AppMemory *self = APP_MEMORY (provider);

  self->cached += 1 << 20;      /* as if each look found another MiB in the caches */
  stats->allocated = 64 << 20;
  stats->reserved = stats->allocated + self->cached;
  return TRUE;
}

static guint64
app_memory_trim (GstSeqMemoryProvider * provider, gint device_id)
{
  AppMemory *self = APP_MEMORY (provider);
  guint64 freed = self->cached;

  self->cached = 0;
  return freed;
}

static void
app_memory_provider_init (GstSeqMemoryProviderInterface * iface)
{
  iface->query = app_memory_query;
  iface->trim = app_memory_trim;
}

G_DEFINE_TYPE_WITH_CODE (AppMemory, app_memory, G_TYPE_OBJECT,
    G_IMPLEMENT_INTERFACE (GST_TYPE_SEQ_MEMORY_PROVIDER, app_memory_provider_init))

static void app_memory_class_init (AppMemoryClass * klass) { }

static void app_memory_init (AppMemory * self) { }

/* ---- the pipeline ---- */

typedef struct
{
  GMainLoop *loop;
  GstElement *batch;
  GstSeqBlockBuilder *builder;
  guint n_blocks;
  gboolean failed;
} App;

/* appsrc wants more, and asks from its own thread: the next block, or the end. */
static void
on_need_data (GstElement * src, guint size, App * app)
{
  g_autoptr (GstBuffer) block = NULL;
  GstFlowReturn flow;

  if (app->n_blocks == N_BLOCKS) {
    g_signal_emit_by_name (src, "end-of-stream", &flow);
    return;
  }
  for (guint i = 0; i < BLOCK_RECORDS; i++) {
    g_autofree gchar *residues = g_strnfill (20 + (i * 37) % 400, "LAGVSERTID"[i % 10]);
    gst_seq_block_builder_add (app->builder, "made up", -1, residues, -1, NULL);
  }
  block = gst_seq_block_builder_finish (app->builder);
  g_signal_emit_by_name (src, "push-buffer", block, &flow);
  if (++app->n_blocks == N_BLOCKS / 2)  /* while it plays: the batches to come are larger */
    g_object_set (app->batch, "max-tokens", G_GUINT64_CONSTANT (8192), NULL);
}

static gboolean
on_message (GstBus * bus, GstMessage * message, gpointer data)
{
  App *app = data;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    g_autoptr (GError) error = NULL;

    gst_message_parse_error (message, &error, NULL);
    g_printerr ("%s\n", error->message);
    app->failed = TRUE;
  } else if (gst_message_has_name (message, "cuda-memguard")) {
    const GstStructure *said = gst_message_get_structure (message);
    guint64 batch = 0, freed = 0;

    gst_structure_get_uint64 (said, "batch", &batch);
    gst_structure_get_uint64 (said, "freed", &freed);
    g_print ("%s after batch %" G_GUINT64_FORMAT ": %" G_GUINT64_FORMAT " bytes freed\n",
        gst_structure_get_string (said, "event"), batch, freed);
  }
  if (app->failed || GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
    g_main_loop_quit (app->loop);
  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  gst_init (&argc, &argv);
  g_autoptr (GstElement) pipeline = gst_parse_launch ("appsrc name=src format=default "
      "caps=application/x-seq-records,alphabet=protein,quality=(boolean)false ! "
      "seqsort window=1024 ! seqbatch name=batch tokenizer=esm2 batch-size=0 max-tokens=4096 ! "
      "pinnedqueue ! cudamemguard name=guard interval=100 ! fakesink", &error);
  if (error)
    g_error ("%s", error->message);

  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GstElement) src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  g_autoptr (GstElement) batch = gst_bin_get_by_name (GST_BIN (pipeline), "batch");
  g_autoptr (GstElement) guard = gst_bin_get_by_name (GST_BIN (pipeline), "guard");
  g_autoptr (GstSeqBlockBuilder) builder = gst_seq_block_builder_new (0);
  g_autoptr (AppMemory) memory = g_object_new (app_memory_get_type (), NULL);
  g_autoptr (GstStructure) stats = NULL;
  App app = { loop, batch, builder, 0, FALSE };
  g_signal_emit_by_name (guard, "add-provider", memory);
  g_signal_connect (src, "need-data", G_CALLBACK (on_need_data), &app);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  gst_bus_add_watch (bus, on_message, &app);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_main_loop_run (loop);
  gst_element_set_state (pipeline, GST_STATE_NULL);

  g_object_get (batch, "stats", &stats, NULL);
  gst_print ("%" GST_PTR_FORMAT "\n", (gpointer) stats);
  gst_bus_remove_watch (bus);
  return app.failed;
}
