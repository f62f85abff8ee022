/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Device memory of pinnedqueue in the hands of consumers: with streams of their own, on the host
 * and on the device in turn, behind a guard that splits batches. */
#include "device-rig.h"

/* A consumer on the device: it never waits on the host, has its kernels wait instead, and lets go
 * of the memory while they still run. */
#define KERNELS 64

typedef struct
{
  CUstream stream;
  guint64 expected[KERNELS];
  uint64_t found[KERNELS];
  gboolean map;
} Consumer;

static void
consume (Consumer * consumer, GstBuffer * buffer, guint n)
{
  GstMemory *memory = gst_buffer_peek_memory (buffer, 0);
  CUdeviceptr pointer = gst_seq_cuda_memory_get_pointer (memory);
  GstMapInfo map;

  consumer->expected[n] = G_GUINT64_CONSTANT (20000) * (n + 1);
  if (consumer->map) {
    g_assert_true (gst_memory_map (memory, &map, GST_MAP_READ | GST_SEQ_MAP_CUDA));
    g_assert_cmpuint (GPOINTER_TO_SIZE (map.data), ==, pointer);
    g_assert_cmpuint (map.size, ==, 20000);
  } else {
    g_assert_nonnull (gst_seq_cuda_memory_get_ready_event (memory));
    g_assert_true (gst_seq_cuda_memory_wait (memory, consumer->stream));
  }
  g_assert_cmpint (fake->kernel (consumer->stream, 3 * 1000 * 1000, pointer, 20000,
          &consumer->found[n], 0, 0, -1), ==, CUDA_SUCCESS);
  if (consumer->map)
    gst_memory_unmap (memory, &map);
  else
    g_assert_true (gst_seq_cuda_memory_set_done (memory, consumer->stream));
}

static void
run_consumer (gboolean map)
{
  Consumer consumer = { .map = map };
  const CudaDriver *driver;
  CudaDevice *device;
  GstHarness *h;
  guint n;

  configure ("");
  device = cuda_device_get (0, NULL);
  driver = cuda_device_driver (device);
  h = make_harness ("pinnedqueue upload=true");
  g_assert_true (cuda_device_enter (device, NULL));
  if (!map)
    g_assert_cmpint (driver->StreamCreate (&consumer.stream, CU_STREAM_NON_BLOCKING), ==, 0);
  for (n = 0; n < KERNELS; n++) {
    GstBuffer *buffer;

    g_assert_cmpint (gst_harness_push (h, make_numbered (n)), ==, GST_FLOW_OK);
    buffer = gst_harness_pull (h);
    g_assert_cmpint (gst_seq_cuda_memory_get_device_id (gst_buffer_peek_memory (buffer, 0)), ==, 0);
    consume (&consumer, buffer, n);
    gst_buffer_unref (buffer);
  }
  g_assert_cmpint (driver->StreamSynchronize (consumer.stream), ==, CUDA_SUCCESS);
  for (n = 0; n < KERNELS; n++)
    g_assert_cmpuint (consumer.found[n], ==, consumer.expected[n]);
  /* the same few pieces of device memory, again and again */
  g_assert_cmpuint (harness_stat (h, "device-bytes"), <=, 8 * 20480);
  if (!map)
    g_assert_cmpint (driver->StreamDestroy (consumer.stream), ==, CUDA_SUCCESS);
  cuda_device_leave (device);
  gst_harness_teardown (h);
  cuda_device_unref (device);
  assert_clean ();
}

static void
test_consumer (void)
{
  if (skip_on_real_driver ())
    return;
  run_consumer (FALSE);
  run_consumer (TRUE);
}

/* Host and device take turns with one memory */
static void
test_maps (void)
{
  GstBuffer *buffer, *deep;
  GstMemory *memory, *share;
  GstMapInfo map, other;
  GstHarness *h;

  configure ("");
  h = make_harness ("pinnedqueue upload=true");
  gst_harness_push (h, make_numbered (4));
  buffer = gst_harness_pull (h);
  /* the queue shares memory out to the buffer's memories */
  memory = gst_buffer_peek_memory (buffer, 0);
  g_assert_true (gst_memory_map (memory, &map, GST_MAP_READ));
  g_assert_true (gst_memory_map (memory, &other, GST_MAP_READ));
  g_assert_true (map.data == other.data);
  g_assert_cmpuint (map.data[19999], ==, 5);
  gst_memory_unmap (memory, &other);
  gst_memory_unmap (memory, &map);

  share = gst_memory_share (memory, 100, 50);
  g_assert_cmpuint (gst_seq_cuda_memory_get_pointer (share), ==,
      gst_seq_cuda_memory_get_pointer (memory) + 100);
  g_assert_true (gst_memory_map (share, &map, GST_MAP_READ));
  g_assert_cmpuint (map.size, ==, 50);
  g_assert_cmpuint (map.data[0], ==, 5);
  gst_memory_unmap (share, &map);
  gst_memory_unref (share);

  /* a copy is device memory, too, and has its own bytes */
  deep = gst_buffer_copy_deep (buffer);
  g_assert_true (is_on_device (deep));
  g_assert_true (gst_buffer_map (deep, &map, GST_MAP_READWRITE));
  g_assert_cmpuint (map.data[7], ==, 5);
  memset (map.data, 9, map.size);
  gst_buffer_unmap (deep, &map);
  g_assert_true (gst_buffer_map (deep, &map, GST_MAP_READ | GST_SEQ_MAP_CUDA));
  gst_buffer_unmap (deep, &map);
  g_assert_true (gst_buffer_map (deep, &map, GST_MAP_READ));
  g_assert_cmpuint (map.data[7], ==, 9);
  gst_buffer_unmap (deep, &map);
  g_assert_cmpint (gst_buffer_memcmp (buffer, 7, "\5\5", 2), ==, 0);
  gst_buffer_unref (deep);

  g_assert_false (gst_is_seq_cuda_memory (NULL));
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
  assert_clean ();
}

/* Both at once: what the host has mapped stays until it is unmapped, whatever the device does. */
static void
test_maps_at_once (void)
{
  const CudaDriver *driver;
  GstMapInfo on_device, first, second;
  g_autofree guint8 *nines = g_malloc (20000);
  CudaDevice *device;
  GstMemory *memory;
  GstBuffer *buffer;
  GstHarness *h;

  memset (nines, 9, 20000);
  configure ("");
  device = cuda_device_get (0, NULL);
  driver = cuda_device_driver (device);
  h = make_harness ("pinnedqueue upload=true");
  gst_harness_push (h, make_numbered (4));
  buffer = gst_harness_pull (h);
  memory = gst_memory_copy (gst_buffer_peek_memory (buffer, 0), 0, -1);
  gst_buffer_unref (buffer);

  g_assert_true (gst_memory_map (memory, &on_device, GST_MAP_READWRITE | GST_SEQ_MAP_CUDA));
  g_assert_true (gst_memory_map (memory, &first, GST_MAP_READ));
  g_assert_cmpuint (first.data[19999], ==, 5);
  g_assert_true (cuda_device_enter (device, NULL));
  g_assert_cmpint (driver->MemcpyHtoDAsync (GPOINTER_TO_SIZE (on_device.data), nines, 20000,
          NULL), ==, CUDA_SUCCESS);
  g_assert_cmpint (driver->StreamSynchronize (NULL), ==, CUDA_SUCCESS);
  cuda_device_leave (device);
  gst_memory_unmap (memory, &on_device);
  g_assert_cmpuint (first.data[19999], ==, 5);
  g_assert_true (gst_memory_map (memory, &second, GST_MAP_READ));
  g_assert_cmpuint (second.data[19999], ==, 9);
  g_assert_true (first.data == second.data);
  gst_memory_unmap (memory, &first);
  g_assert_cmpuint (second.data[0], ==, 9);
  gst_memory_unmap (memory, &second);
  gst_memory_unref (memory);
  gst_harness_teardown (h);
  cuda_device_unref (device);
  assert_clean ();
}

/* Copies that it takes to upload two memories that lie 40 bytes apart */
static guint
copies_of_two (GstHarness * h, GstMemory * first, GstMemory * second)
{
  guint before = fake->calls ("MemcpyHtoDAsync");
  GstBuffer *buffer = gst_buffer_new ();

  gst_buffer_append_memory (buffer, first);
  gst_buffer_append_memory (buffer, second);
  g_assert_cmpint (gst_harness_push (h, buffer), ==, GST_FLOW_OK);
  buffer = gst_harness_pull (h);
  g_assert_true (is_on_device (buffer));
  g_assert_cmpint (gst_buffer_memcmp (buffer, 399, "\5\5", 2), ==, 0);
  gst_buffer_unref (buffer);
  return fake->calls ("MemcpyHtoDAsync") - before;
}

/* What lies between parts of one memory is copied along, what lies between others is not touched. */
static void
test_memories_with_gap (void)
{
  guint8 *bytes;
  GstMemory *whole, *first, *second;
  GstHarness *h;

  if (skip_on_real_driver ())
    return;
  bytes = g_malloc (1000);
  memset (bytes, 5, 1000);
  configure ("");
  h = make_harness ("pinnedqueue upload=true pin-memory=off");
  whole = gst_memory_new_wrapped (0, bytes, 1000, 0, 1000, bytes, g_free);
  g_assert_cmpuint (copies_of_two (h, gst_memory_share (whole, 0, 400),
          gst_memory_share (whole, 440, 400)), ==, 1);
  first = gst_memory_new_wrapped (GST_MEMORY_FLAG_READONLY, bytes, 400, 0, 400, NULL, NULL);
  second = gst_memory_new_wrapped (GST_MEMORY_FLAG_READONLY, bytes + 440, 400, 0, 400, NULL, NULL);
  g_assert_cmpuint (copies_of_two (h, first, second), ==, 2);
  gst_memory_unref (whole);
  gst_harness_teardown (h);
  assert_clean ();
}

/* A change that did not get to the device: neither the memory nor a copy of it can be read, or the
 * bytes of before would pass for it. */
static void
test_lost_change (void)
{
  GstMemory *memory;
  GstBuffer *buffer;
  GstMapInfo map;
  GstHarness *h;

  if (skip_on_real_driver ())
    return;
  configure ("fail=MemcpyHtoDAsync:999@skip=1:count=1");
  h = make_harness ("pinnedqueue upload=true");
  gst_harness_push (h, make_numbered (4));
  buffer = gst_harness_pull (h);
  memory = gst_memory_copy (gst_buffer_peek_memory (buffer, 0), 0, -1);
  g_assert_true (gst_memory_map (memory, &map, GST_MAP_WRITE));
  memset (map.data, 9, map.size);
  gst_memory_unmap (memory, &map);
  g_assert_false (gst_memory_map (memory, &map, GST_MAP_READ));
  g_assert_null (gst_memory_copy (memory, 0, -1));
  gst_memory_unref (memory);
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
  assert_clean ();
}

/* Memory outlives the pipeline that made it */
static void
test_memory_outlives (void)
{
  GstBuffer *buffer;
  GstHarness *h;

  configure ("");
  h = make_harness ("pinnedqueue upload=true");
  gst_harness_push (h, make_numbered (6));
  buffer = gst_harness_pull (h);
  gst_harness_teardown (h);
  g_assert_cmpint (gst_buffer_memcmp (buffer, 0, "\7\7\7", 3), ==, 0);
  gst_buffer_unref (buffer);
  assert_clean ();
}

/* ---- a consumer with a stream of its own that maps, too ---- */

static GstHarness *
begin_with_stream (CudaDevice ** device, CUstream * stream)
{
  configure ("");
  *device = cuda_device_get (0, NULL);
  g_assert_true (cuda_device_enter (*device, NULL));
  g_assert_cmpint (cuda_device_driver (*device)->StreamCreate (stream, CU_STREAM_NON_BLOCKING), ==,
      CUDA_SUCCESS);
  return make_harness ("pinnedqueue upload=true");
}

static void
end_with_stream (GstHarness * h, CudaDevice * device, CUstream stream)
{
  g_assert_cmpint (cuda_device_driver (device)->StreamDestroy (stream), ==, CUDA_SUCCESS);
  cuda_device_leave (device);
  gst_harness_teardown (h);
  cuda_device_unref (device);
  assert_clean ();
}

/* The memory is mapped for its pointer, and is done with in another stream than the legacy one:
 * to unmap it must not undo what was said of that stream. */
static void
test_done_while_mapped (void)
{
  Consumer consumer = { 0 };
  CudaDevice *device;
  GstHarness *h;
  guint n;

  if (skip_on_real_driver ())
    return;
  h = begin_with_stream (&device, &consumer.stream);
  for (n = 0; n < KERNELS; n++) {
    GstMapInfo map;
    GstMemory *memory;
    GstBuffer *buffer;

    g_assert_cmpint (gst_harness_push (h, make_numbered (n)), ==, GST_FLOW_OK);
    buffer = gst_harness_pull (h);
    memory = gst_buffer_peek_memory (buffer, 0);
    g_assert_true (gst_memory_map (memory, &map, GST_MAP_READ | GST_SEQ_MAP_CUDA));
    consume (&consumer, buffer, n);
    gst_memory_unmap (memory, &map);
    gst_buffer_unref (buffer);
  }
  g_assert_cmpint (cuda_device_driver (device)->StreamSynchronize (consumer.stream), ==,
      CUDA_SUCCESS);
  for (n = 0; n < KERNELS; n++)
    g_assert_cmpuint (consumer.found[n], ==, consumer.expected[n]);
  end_with_stream (h, device, consumer.stream);
}

/* What is captured into a graph has not run, so it says nothing about when memory is free. An event
 * of a capture would take the stream of the uploads into it. */
static void
test_done_in_capture (void)
{
  CudaDevice *device;
  CUstream stream;
  GstHarness *h;
  guint n;

  if (skip_on_real_driver ())
    return;
  h = begin_with_stream (&device, &stream);
  g_assert_cmpint (fake->begin_capture (stream, 0), ==, CUDA_SUCCESS);
  for (n = 0; n < 20; n++) {
    GstBuffer *buffer;

    g_assert_cmpint (gst_harness_push (h, make_numbered (n)), ==, GST_FLOW_OK);
    buffer = gst_harness_pull (h);
    g_assert_cmpuint (fake->problems (), ==, 0);
    g_assert_false (gst_seq_cuda_memory_set_done (gst_buffer_peek_memory (buffer, 0), stream));
    g_assert_cmpint (gst_buffer_memcmp (buffer, 0, &(guint8) { n + 1 }, 1), ==, 0);
    gst_buffer_unref (buffer);
  }
  g_assert_cmpint (fake->end_capture (stream), ==, CUDA_SUCCESS);
  g_assert_cmpuint (harness_stat (h, "uploads"), ==, 20);
  end_with_stream (h, device, stream);
}

/* ---- with a guard behind ---- */

/* A consumer that has no memory for more than 64 slots */
static GstPadProbeReturn
run_out_of_memory (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);

  if (gst_buffer_get_seq_batch_meta (buffer)->slots <= 64)
    return GST_PAD_PROBE_OK;
  gst_buffer_unref (buffer);
  GST_PAD_PROBE_INFO_FLOW_RETURN (info) = GST_FLOW_CUSTOM_ERROR_1;
  return GST_PAD_PROBE_HANDLED;
}

/* Digests of what comes of eight records, and the pieces that a batch of them is cut into */
static GPtrArray *
run_short_of_memory (const gchar * batch, const gchar * queue, gboolean on_device, guint * records)
{
  gchar *description = g_strdup_printf ("seqdec ! seqbatch batch-size=0 %s ! %s ! cudamemguard",
      batch, queue);
  GPtrArray *digests = g_ptr_array_new_with_free_func (g_free);
  GString *text = g_string_new (NULL);
  GstHarness *h = gst_harness_new_parse (description);
  GstBuffer *buffer;
  guint i;

  for (i = 0; i < 8; i++)
    g_string_append_printf (text, ">%u\n%.*s\n", i, 4 + 3 * (int) i, "ACDEFGHIKLMNPQRSTVWYACDEFGHIK");
  gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, run_out_of_memory, NULL, NULL);
  gst_harness_set_src_caps_str (h, "text/x-fasta");
  gst_harness_push (h, gst_buffer_new_memdup (text->str, text->len));
  gst_harness_push_event (h, gst_event_new_eos ());
  g_string_free (text, TRUE);
  while (gst_harness_pull_until_eos (h, &buffer) && buffer != NULL) {
    g_assert_cmpint (is_on_device (buffer), ==, on_device);
    *records += gst_buffer_get_seq_batch_meta (buffer)->n_records;
    g_ptr_array_add (digests, digest_buffer (buffer));
    g_assert_nonnull (g_ptr_array_index (digests, digests->len - 1));
    gst_buffer_unref (buffer);
  }
  gst_harness_teardown (h);
  g_free (description);
  return digests;
}

/* Pieces of a batch on the device are there, too, as the caps say */
static void
check_pieces_on_device (const gchar * batch)
{
  GPtrArray *pieces, *expected;
  guint i, n = 0, n_expected = 0;

  configure ("");
  expected = run_short_of_memory (batch, "pinnedqueue pin-memory=off", FALSE, &n_expected);
  pieces = run_short_of_memory (batch, "pinnedqueue upload=true", TRUE, &n);
  g_assert_cmpuint (n_expected, ==, 8);
  g_assert_cmpuint (n, ==, 8);
  g_assert_cmpuint (expected->len, >=, 3);
  g_assert_cmpuint (pieces->len, ==, expected->len);
  for (i = 0; i < pieces->len; i++)
    g_assert_cmpstr (g_ptr_array_index (pieces, i), ==, g_ptr_array_index (expected, i));
  g_ptr_array_unref (pieces);
  g_ptr_array_unref (expected);
  assert_clean ();
}

static void
test_pieces_on_device (void)
{
  check_pieces_on_device ("");
  check_pieces_on_device ("tokenizer=enformer");
  check_pieces_on_device ("tokenizer=enformer pad-side=left");
  check_pieces_on_device ("tokenizer=enformer layout=packed window=0 positions=true");
}

/* A piece that can't be made, or whose bytes don't get to the device, is cut once more. */
static void
test_pieces_without_room (void)
{
  static const gchar *const configs[] = { "fail=MemcpyDtoDAsync:2@count=1",
    "fail=MemcpyHtoDAsync:999@skip=1:count=1"
  };
  GPtrArray *pieces;
  guint i, n;

  if (skip_on_real_driver ())
    return;
  for (i = 0; i < G_N_ELEMENTS (configs); i++) {
    configure (configs[i]);
    n = 0;
    pieces = run_short_of_memory ("", "pinnedqueue upload=true", TRUE, &n);
    g_assert_cmpuint (n, ==, 8);
    g_ptr_array_unref (pieces);
    assert_clean ();
  }
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  fake = fakecuda_find ();

  g_test_add_func ("/device-consumer/consumer", test_consumer);
  g_test_add_func ("/device-consumer/maps", test_maps);
  g_test_add_func ("/device-consumer/maps-at-once", test_maps_at_once);
  g_test_add_func ("/device-consumer/memories-with-gap", test_memories_with_gap);
  g_test_add_func ("/device-consumer/lost-change", test_lost_change);
  g_test_add_func ("/device-consumer/memory-outlives", test_memory_outlives);
  g_test_add_func ("/device-consumer/done-while-mapped", test_done_while_mapped);
  g_test_add_func ("/device-consumer/done-in-capture", test_done_in_capture);
  g_test_add_func ("/device-consumer/pieces-on-device", test_pieces_on_device);
  g_test_add_func ("/device-consumer/pieces-without-room", test_pieces_without_room);
  return g_test_run ();
}
