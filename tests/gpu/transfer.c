/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How fast bytes get to the device: raw copies from page-locked and from pageable memory, the same
 * through pinnedqueue, and whether copies and work on the device go on at the same time. */

#include <string.h>

#include <gst/check/gstharness.h>
#include <gst/gst.h>
#include <gst/seq/seq.h>

#include "gpu-figures.h"

#define MIN_SIZE 4096
#define MAX_SIZE (256 * MIB)
/* Of one measurement: enough to forget the start, little enough for a minute in all */
#define BYTES_A_RUN (512 * MIB)
#define MAX_COPIES 512

static guint
copies_a_run (gsize size)
{
  return (guint) CLAMP (BYTES_A_RUN / size, 4, MAX_COPIES);
}

static gdouble
gb_per_second (gsize size, guint n, gint64 ns)
{
  return (gdouble) size * n / (gdouble) MAX (ns, 1);
}

/* ---- raw copies ---- */

static gdouble
measure_copies (const CudaDriver * driver, CUstream stream, CUdeviceptr to, gconstpointer from,
    gsize size)
{
  guint n = copies_a_run (size), i;
  gint64 start;

  CHECK (driver->MemcpyHtoDAsync (to, from, size, stream));
  CHECK (driver->StreamSynchronize (stream));
  start = figures_now ();
  for (i = 0; i < n; i++)
    CHECK (driver->MemcpyHtoDAsync (to, from, size, stream));
  CHECK (driver->StreamSynchronize (stream));
  return gb_per_second (size, n, figures_now () - start);
}

/* ---- through pinnedqueue ---- */

typedef struct
{
  const CudaDriver *driver;
  GstHarness *harness;
  guint n_out;
} QueueRun;

/* A consumer that needs the bytes, and then has nothing to do with them */
static void
take (QueueRun * run, GstBuffer * buffer)
{
  gpointer ready = gst_seq_cuda_memory_get_ready_event (gst_buffer_peek_memory (buffer, 0));

  if (ready != NULL)
    CHECK (run->driver->EventSynchronize (ready));
  gst_buffer_unref (buffer);
  run->n_out++;
}

/* Pushes buffers in the memory that the queue offers, and takes what has come out. */
static void
push_buffers (QueueRun * run, gsize size, guint n)
{
  GstBuffer *buffer;
  guint i;

  run->n_out = 0;
  for (i = 0; i < n; i++) {
    buffer = gst_harness_create_buffer (run->harness, size);
    if (gst_harness_push (run->harness, buffer) != GST_FLOW_OK)
      g_error ("pinnedqueue takes no buffer of %" G_GSIZE_FORMAT " bytes", size);
    while ((buffer = gst_harness_try_pull (run->harness)) != NULL)
      take (run, buffer);
  }
  while (run->n_out < n) {
    buffer = gst_harness_pull (run->harness);
    if (buffer == NULL)
      g_error ("pinnedqueue hands on no more buffers");
    take (run, buffer);
  }
}

static guint64
queue_stat (GstHarness * harness, const gchar * field)
{
  GstStructure *stats = NULL;
  guint64 value = 0;

  gst_harness_get (harness, "pinnedqueue", "stats", &stats, NULL);
  gst_structure_get_uint64 (stats, field, &value);
  gst_structure_free (stats);
  return value;
}

/* In GB/s; 0 where the queue has not uploaded every buffer from page-locked memory without a copy
 * before. */
static gdouble
measure_pinnedqueue (const CudaDriver * driver, gsize size)
{
  QueueRun run = { driver, gst_harness_new_parse ("pinnedqueue upload=true pin-memory=on "
        "max-size-bytes=0 prefetch-factor=4"), 0 };
  guint n = copies_a_run (size);
  gboolean exact;
  gint64 start;

  gst_harness_set_src_caps_str (run.harness, "application/octet-stream");
  push_buffers (&run, size, 8); /* page-locks and allocates */
  start = figures_now ();
  push_buffers (&run, size, n);
  start = figures_now () - start;
  exact = queue_stat (run.harness, "uploads") == n + 8 && queue_stat (run.harness, "copies") == 0;
  gst_harness_teardown (run.harness);
  return exact ? gb_per_second (size, n, start) : 0;
}

static void
show_curve (CudaDevice * device, CUstream stream)
{
  const CudaDriver *driver = cuda_device_driver (device);
  gpointer pinned, pageable = g_malloc (MAX_SIZE);
  CUdeviceptr to;
  gsize size;

  CHECK (driver->MemAlloc (&to, MAX_SIZE));
  CHECK (driver->MemHostAlloc (&pinned, MAX_SIZE, CU_MEMHOSTALLOC_PORTABLE));
  memset (pinned, 1, MAX_SIZE);
  memset (pageable, 1, MAX_SIZE);
  for (size = MIN_SIZE; size <= MAX_SIZE; size *= 4) {
    gchar *text = g_format_size_full (size, G_FORMAT_SIZE_IEC_UNITS);
    gchar *figure = g_strdup_printf ("to the device, %s: pinned, pageable, pinnedqueue", text);
    gdouble raw = measure_copies (driver, stream, to, pinned, size);

    figures_row (figure, "%.2f, %.2f, %.2f GB/s", raw,
        measure_copies (driver, stream, to, pageable, size), measure_pinnedqueue (driver, size));
    g_free (figure);
    g_free (text);
  }
  CHECK (driver->MemFreeHost (pinned));
  CHECK (driver->MemFree (to));
  g_free (pageable);
}

/* ---- overlap ---- */

#define OVERLAP_SIZE (64 * MIB)
#define OVERLAP_COPIES 16
/* The device's own memory is a hundred times faster than the bus or less. */
#define OVERLAP_WORK 400

typedef struct
{
  const CudaDriver *driver;
  CUstream copy_stream, work_stream;
  gpointer host;
  CUdeviceptr memory[3];        /* copied to; worked on */
} Overlap;

static gint64
measure_overlap (Overlap * self, gboolean copy, gboolean work)
{
  gint64 start = figures_now ();
  guint i;

  for (i = 0; work && i < OVERLAP_WORK; i++)
    CHECK (self->driver->MemcpyDtoDAsync (self->memory[1], self->memory[2], OVERLAP_SIZE,
            self->work_stream));
  for (i = 0; copy && i < OVERLAP_COPIES; i++)
    CHECK (self->driver->MemcpyHtoDAsync (self->memory[0], self->host, OVERLAP_SIZE,
            self->copy_stream));
  CHECK (self->driver->StreamSynchronize (self->copy_stream));
  CHECK (self->driver->StreamSynchronize (self->work_stream));
  return figures_now () - start;
}

static void
show_overlap (CudaDevice * device, CUstream stream)
{
  Overlap self = {.driver = cuda_device_driver (device),.copy_stream = stream };
  gint64 copy, work, both;
  guint i;

  CHECK (self.driver->StreamCreate (&self.work_stream, CU_STREAM_NON_BLOCKING));
  CHECK (self.driver->MemHostAlloc (&self.host, OVERLAP_SIZE, CU_MEMHOSTALLOC_PORTABLE));
  memset (self.host, 1, OVERLAP_SIZE);
  for (i = 0; i < G_N_ELEMENTS (self.memory); i++) {
    CHECK (self.driver->MemAlloc (&self.memory[i], OVERLAP_SIZE));
    CHECK (self.driver->MemcpyHtoDAsync (self.memory[i], self.host, OVERLAP_SIZE, stream));
  }
  CHECK (self.driver->StreamSynchronize (stream));
  measure_overlap (&self, TRUE, TRUE);
  copy = measure_overlap (&self, TRUE, FALSE);
  work = measure_overlap (&self, FALSE, TRUE);
  both = measure_overlap (&self, TRUE, TRUE);
  figures_row ("1 GiB copied to the device; work there; both at once", "%.1f, %.1f, %.1f ms",
      copy / 1e6, work / 1e6, both / 1e6);
  figures_row ("… share of the shorter one that is hidden", "%.2f",
      (gdouble) (copy + work - both) / (gdouble) MIN (copy, work));

  for (i = 0; i < G_N_ELEMENTS (self.memory); i++)
    CHECK (self.driver->MemFree (self.memory[i]));
  CHECK (self.driver->MemFreeHost (self.host));
  CHECK (self.driver->StreamDestroy (self.work_stream));
}

int
main (int argc, char **argv)
{
  CudaDevice *device = figures_open_device ();
  const CudaDriver *driver = cuda_device_driver (device);
  GError *error = NULL;
  CUstream stream;

  gst_init (&argc, &argv);
  if (!cuda_device_enter (device, &error))
    g_error ("%s", error->message);
  CHECK (driver->StreamCreate (&stream, CU_STREAM_NON_BLOCKING));
  show_curve (device, stream);
  show_overlap (device, stream);
  CHECK (driver->StreamDestroy (stream));
  cuda_device_leave (device);
  cuda_device_unref (device);
  return 0;
}
