/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pinnedqueue on a driver: page-locked memory, uploads, and what happens where either can't be had.
 * Runs on the fake driver and on a real one; what only the fake can do is left out there. */
#include <sys/wait.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "device-rig.h"

static Run host;                /* the proteins on the host path, to compare with */

/* ---- page-locked memory ---- */

static void
test_no_copies (void)
{
  Run run = { 0 };

  configure ("");
  run_proteins (&run, "pinnedqueue name=q ! fakesink name=sink");
  assert_same_run (&run, &host);
  g_assert_cmpuint (run.warnings, ==, 0);
  g_assert_cmpuint (run_stat (&run, "copies"), ==, 0);
  g_assert_cmpuint (run_stat (&run, "uploads"), ==, 0);
  g_assert_cmpuint (run_stat (&run, "pinned"), >, 16384 * 9);
  /* one ring, for all batches */
  g_assert_cmpuint (run_stat (&run, "allocations"), ==, 1);
  run_clear (&run);
  assert_clean ();
}

static void
look_at_address (GstBuffer * buffer, guint index, gpointer data)
{
  GstMapInfo map;

  g_assert_true (gst_memory_map (gst_buffer_peek_memory (buffer, 0), &map, GST_MAP_READ));
  g_assert_cmpuint (GPOINTER_TO_SIZE (map.data) % 128, ==, 0);
  gst_memory_unmap (gst_buffer_peek_memory (buffer, 0), &map);
}

static void
test_other_sources (void)
{
  Run plain = { 0 }, run = { .look = look_at_address };

  configure ("");
  run_to_end (&plain, "fakesrc num-buffers=200 filltype=pattern-span sizetype=random sizemax=70000 "
      "sizemin=1 ! fakesink name=sink");
  /* fakesrc asks nobody for memory */
  run_to_end (&run, "fakesrc num-buffers=200 filltype=pattern-span sizetype=fixed sizemax=50000 ! "
      "pinnedqueue name=q ! fakesink name=sink");
  g_assert_true (run.eos);
  g_assert_cmpuint (run_stat (&run, "copies"), ==, 200);
  g_assert_cmpuint (run_stat (&run, "copied-bytes"), ==, 200 * 50000);
  /* in the queue, at the sink, and one that is being copied */
  g_assert_cmpuint (run_stat (&run, "allocations"), <=, 5);
  run_clear (&run);
  run_clear (&plain);
  assert_clean ();
}

static GstBuffer *
make_buffer_of_memories (guint n, guint seed)
{
  GstBuffer *buffer = gst_buffer_new ();
  guint i;

  for (i = 0; i < n; i++) {
    GstMemory *memory = gst_allocator_alloc (NULL, 1 + (seed * 7 + i * 331) % 3000, NULL);
    GstMapInfo map;
    gsize k;

    gst_memory_map (memory, &map, GST_MAP_WRITE);
    for (k = 0; k < map.size; k++)
      map.data[k] = (guint8) (k * 31 + i + seed);
    gst_memory_unmap (memory, &map);
    gst_buffer_append_memory (buffer, memory);
  }
  GST_BUFFER_PTS (buffer) = seed * GST_SECOND;
  GST_BUFFER_OFFSET (buffer) = seed;
  gst_buffer_add_protection_meta (buffer, gst_structure_new_empty ("kept"));
  return buffer;
}

/* Any number of memories, from anywhere, each keeps its size, its bytes and its company */
static void
check_foreign_memory (const gchar * queue, gboolean upload)
{
  GstHarness *h = make_harness (queue);
  guint n;

  for (n = 1; n <= 16; n++) {
    GstBuffer *in = make_buffer_of_memories (n, n), *out;
    gchar *before = digest_buffer (in), *after;

    g_assert_cmpint (gst_harness_push (h, in), ==, GST_FLOW_OK);
    out = gst_harness_pull (h);
    g_assert_cmpuint (gst_buffer_n_memory (out), ==, n);
    g_assert_nonnull (gst_buffer_get_protection_meta (out));
    g_assert_cmpint (is_on_device (out), ==, upload);
    after = digest_buffer (out);
    g_assert_cmpstr (after, ==, before);
    gst_buffer_unref (out);
    g_free (before);
    g_free (after);
  }
  g_assert_cmpuint (harness_stat (h, "copies"), ==, 16);
  g_assert_cmpuint (harness_stat (h, "uploads"), ==, upload ? 16 : 0);
  gst_harness_teardown (h);
  assert_clean ();
}

static void
test_foreign_memory (void)
{
  configure ("");
  check_foreign_memory ("pinnedqueue", FALSE);
  check_foreign_memory ("pinnedqueue upload=true", TRUE);
}

static void
test_empty_buffers (void)
{
  GstHarness *h;
  GstBuffer *buffer;

  configure ("");
  h = make_harness ("pinnedqueue upload=true");
  g_assert_cmpint (gst_harness_push (h, gst_buffer_new ()), ==, GST_FLOW_OK);
  g_assert_cmpint (gst_harness_push (h, gst_buffer_new_allocate (NULL, 0, NULL)), ==, GST_FLOW_OK);
  buffer = gst_harness_pull (h);
  g_assert_cmpuint (gst_buffer_n_memory (buffer), ==, 0);
  gst_buffer_unref (buffer);
  buffer = gst_harness_pull (h);
  g_assert_cmpuint (gst_buffer_get_size (buffer), ==, 0);
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
  assert_clean ();
}

static void
test_buffer_list (void)
{
  GstBufferList *list = gst_buffer_list_new ();
  GstHarness *h;
  guint i;

  configure ("");
  h = make_harness ("pinnedqueue upload=true prefetch-factor=8");
  for (i = 0; i < 5; i++)
    gst_buffer_list_add (list, make_buffer_of_memories (2, i));
  g_assert_cmpint (gst_pad_push_list (h->srcpad, list), ==, GST_FLOW_OK);
  for (i = 0; i < 5; i++) {
    GstBuffer *buffer = gst_harness_pull (h);

    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, i);
    g_assert_true (is_on_device (buffer));
    gst_buffer_unref (buffer);
  }
  gst_harness_teardown (h);
  assert_clean ();
}

/* ---- uploads ---- */

static void
test_upload (void)
{
  guint64 copies;
  Run run = { 0 };

  configure ("");
  run_proteins (&run, "pinnedqueue name=q upload=true ! identity ! fakesink name=sink");
  assert_same_run (&run, &host);
  g_assert_cmpuint (run.warnings, ==, 0);
  g_assert_true (run_has_device_caps (&run));
  g_assert_cmpuint (run.on_device, ==, host.digests->len);
  g_assert_cmpuint (run_stat (&run, "copies"), ==, 0);
  g_assert_cmpuint (run_stat (&run, "uploads"), ==, host.digests->len);
  g_assert_cmpuint (run_stat (&run, "upload-time"), >, 0);
  g_assert_cmpuint (run_stat (&run, "device-bytes"), >, 0);
  /* a ring on either side */
  g_assert_cmpuint (run_stat (&run, "allocations"), ==, 2);
  if (fake != NULL) {
    /* one copy a batch each way */
    copies = fake->calls ("MemcpyHtoDAsync");
    g_assert_cmpuint (copies, ==, host.digests->len);
    g_assert_cmpuint (fake->calls ("MemcpyDtoHAsync"), ==, host.digests->len);
  }
  run_clear (&run);
  assert_clean ();
}

/* The calls in a trace from that of the device on, without the suffix of the version, a space
 * behind each */
static gchar *
calls_of_trace (const gchar * path)
{
  GString *calls = g_string_new (NULL);
  gchar *text, **lines, **line;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (line = lines; *line != NULL; line++) {
    const gchar *name = strstr (*line, "\"call\":\"cu");

    if (name != NULL && (calls->len > 0 || g_str_has_prefix (name + 10, "DeviceGetCount")))
      g_string_append_printf (calls, "%.*s ", (int) strcspn (name + 10, "_\""), name + 10);
  }
  g_strfreev (lines);
  g_free (text);
  return g_string_free (calls, FALSE);
}

/* All that the driver is asked for two buffers, from the start to the end */
static void
test_golden_calls (void)
{
  gchar *path, *config, *calls;
  GstHarness *h;
  guint i;

  if (skip_on_real_driver ())
    return;
  path = g_build_filename (g_get_tmp_dir (), "golden-calls.XXXXXX", NULL);
  close (g_mkstemp (path));
  config = g_strdup_printf ("trace=%s", path);
  configure (config);
  h = make_harness ("pinnedqueue upload=true");
  for (i = 0; i < 2; i++) {
    g_assert_cmpint (gst_harness_push (h, make_numbered (i)), ==, GST_FLOW_OK);
    gst_buffer_unref (gst_harness_pull (h));
  }
  gst_harness_push_event (h, gst_event_new_eos ());
  gst_harness_teardown (h);
  assert_clean ();
  configure ("");
  calls = calls_of_trace (path);
#define ENTER "CtxPushCurrent ThreadExchangeStreamCaptureMode "
#define LEAVE "ThreadExchangeStreamCaptureMode CtxPopCurrent "
#define COPY "StreamWaitEvent EventRecord MemcpyHtoDAsync EventRecord "
  g_assert_cmpstr (calls, ==,
      "DeviceGetCount DeviceGet DeviceGetName DeviceGetPCIBusId "
      "DevicePrimaryCtxRetain " ENTER LEAVE
      ENTER "StreamCreate StreamCreate " LEAVE
      /* the first buffer: memory on either side, and one copy */
      ENTER LEAVE
      ENTER "MemHostAlloc " LEAVE
      ENTER "MemAlloc EventCreate EventCreate EventCreate " LEAVE
      ENTER COPY LEAVE
      /* the second: the first isn't there yet, so its memory can't be used again */
      ENTER "EventQuery " LEAVE
      ENTER "MemHostAlloc " LEAVE
      ENTER "MemAlloc EventCreate EventCreate EventCreate " LEAVE
      ENTER COPY LEAVE
      /* the end waits for both */
      ENTER "EventSynchronize EventElapsedTime EventSynchronize EventElapsedTime " LEAVE
      ENTER LEAVE
      ENTER "MemFreeHost MemFreeHost " LEAVE
      ENTER "EventDestroy EventDestroy EventDestroy MemFree "
      "EventDestroy EventDestroy EventDestroy MemFree " LEAVE
      ENTER "StreamDestroy StreamDestroy " LEAVE
      "DevicePrimaryCtxRelease ");
  g_remove (path);
  g_free (calls);
  g_free (config);
  g_free (path);
}

/* Without page-locked memory each tensor is copied by itself, and the bytes are the same. */
static void
test_upload_pageable (void)
{
  Run run = { 0 };

  configure ("");
  run_proteins (&run, "pinnedqueue name=q pin-memory=off upload=true ! fakesink name=sink");
  assert_same_run (&run, &host);
  g_assert_cmpuint (run.on_device, ==, host.digests->len);
  g_assert_cmpuint (run_stat (&run, "pinned"), ==, 0);
  run_clear (&run);
  assert_clean ();
}

/* Allocations of the driver at each batch, from the outside */
typedef struct
{
  guint64 at_start;
  guint64 later;
} Allocations;

static void
count_allocations (GstBuffer * buffer, guint index, gpointer data)
{
  Allocations *count = data;
  guint64 calls = fake->calls ("MemHostAlloc") + fake->calls ("MemAlloc")
      + fake->calls ("EventCreate") + fake->calls ("StreamCreate");

  if (index == 0)
    count->at_start = calls;
  count->later = calls;
}

static void
test_steady_state (void)
{
  Allocations count = { 0 };
  Run run = { .look = count_allocations, .data = &count };

  if (skip_on_real_driver ())
    return;
  configure ("");
  run_proteins (&run, "pinnedqueue name=q upload=true ! fakesink name=sink");
  assert_same_run (&run, &host);
  g_assert_cmpuint (count.at_start, >, 0);
  g_assert_cmpuint (count.later, ==, count.at_start);
  run_clear (&run);
  assert_clean ();
}

static void
test_flush_and_cycles (void)
{
  GstSegment segment;
  GstHarness *h;
  guint cycle, i;

  gst_segment_init (&segment, GST_FORMAT_BYTES);

  configure ("");
  h = make_harness ("pinnedqueue upload=true prefetch-factor=4");
  for (cycle = 0; cycle < 5; cycle++) {
    for (i = 0; i < 4; i++)
      g_assert_cmpint (gst_harness_push (h, make_numbered (i)), ==, GST_FLOW_OK);
    gst_harness_push_event (h, gst_event_new_flush_start ());
    gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
    if (cycle % 2) {
      GstElement *queue = gst_harness_find_element (h, "pinnedqueue");

      g_assert_cmpint (gst_element_set_state (queue, GST_STATE_NULL), ==,
          GST_STATE_CHANGE_SUCCESS);
      gst_object_unref (queue);
      gst_harness_play (h);
      gst_harness_set_src_caps_str (h, "test/x, n=1");
    } else {
      gst_harness_push_event (h, gst_event_new_segment (&segment));
    }
  }
  while (gst_harness_buffers_in_queue (h) > 0)
    gst_buffer_unref (gst_harness_pull (h));
  gst_harness_teardown (h);
  assert_clean ();
}

/* ---- caps ---- */

static void
test_caps (void)
{
  GstCaps *wanted = gst_caps_from_string ("test/x, n=1"), *caps;
  GstHarness *h;

  configure ("");
  /* downstream takes device memory only: upstream may give the same in system memory */
  h = gst_harness_new_parse ("pinnedqueue upload=true");
  gst_harness_set_sink_caps_str (h, "test/x(memory:CUDAMemory), n=1; test/y");
  caps = gst_pad_peer_query_caps (h->srcpad, NULL);
  g_assert_true (gst_caps_can_intersect (caps, wanted));
  gst_caps_unref (wanted);
  gst_caps_unref (caps);
  gst_harness_set_src_caps_str (h, "test/x, n=1");
  gst_harness_push (h, make_numbered (0));
  gst_buffer_unref (gst_harness_pull (h));
  caps = gst_pad_get_current_caps (h->sinkpad);
  g_assert_true (gst_caps_features_contains (gst_caps_get_features (caps, 0),
          "memory:CUDAMemory"));
  gst_caps_unref (caps);
  gst_harness_teardown (h);
  assert_clean ();
}

/* Buffers in other memory, as their caps say, pass as they are */
static void
test_foreign_feature (void)
{
  GstHarness *h;
  GstBuffer *buffer;

  configure ("");
  h = gst_harness_new_parse ("pinnedqueue upload=true");
  gst_harness_set_src_caps_str (h, "test/x(memory:Other)");
  gst_harness_push (h, make_numbered (0));
  buffer = gst_harness_pull (h);
  g_assert_false (is_on_device (buffer));
  g_assert_cmpuint (harness_stat (h, "copies"), ==, 0);
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
  assert_clean ();
}

static void
test_downstream_in_host_memory (void)
{
  Run run = { 0 };

  configure ("");
  run_proteins (&run, "pinnedqueue name=q upload=true ! capsfilter caps=other/tensors ! "
      "fakesink name=sink");
  assert_same_run (&run, &host);
  g_assert_cmpuint (run.on_device, ==, 0);
  g_assert_false (run_has_device_caps (&run));
  g_assert_cmpuint (run.warnings, ==, 1);
  run_clear (&run);
  assert_clean ();
}

/* ---- what can't be had ---- */

static void
check_degraded (const gchar * config, const gchar * rest, guint warnings, Run * run)
{
  configure (config);
  run_proteins (run, rest);
  assert_same_run (run, &host);
  g_assert_cmpuint (run->warnings, ==, warnings);
  g_assert_cmpuint (fake->problems (), ==, 0);
  g_assert_cmpuint (fake->alive (NULL), ==, 0);
}

static void
test_pinned_halved (void)
{
  Run run = { 0 };

  if (skip_on_real_driver ())
    return;
  check_degraded ("fail=MemHostAlloc:2@count=2", "pinnedqueue name=q ! fakesink name=sink", 0, &run);
  g_assert_cmpuint (run_stat (&run, "pinned"), >, 0);
  g_assert_cmpuint (run_stat (&run, "copies"), ==, 0);
  run_clear (&run);
}

static void
test_no_pinned (void)
{
  Run run = { 0 }, uploaded = { 0 };

  if (skip_on_real_driver ())
    return;
  check_degraded ("fail=MemHostAlloc:2@count=0", "pinnedqueue name=q ! fakesink name=sink", 1, &run);
  g_assert_cmpuint (run_stat (&run, "pinned"), ==, 0);
  g_assert_cmpuint (run_stat (&run, "copies"), ==, 0);
  run_clear (&run);
  check_degraded ("fail=MemHostAlloc:2@count=0",
      "pinnedqueue name=q upload=true ! fakesink name=sink", 1, &uploaded);
  g_assert_cmpuint (uploaded.on_device, ==, host.digests->len);
  run_clear (&uploaded);
}

static void
test_max_pinned_bytes (void)
{
  Run run = { 0 };

  if (skip_on_real_driver ())
    return;
  check_degraded ("", "pinnedqueue name=q max-pinned-bytes=400000 ! fakesink name=sink", 1, &run);
  g_assert_cmpuint (run_stat (&run, "pinned"), >, 100000);
  g_assert_cmpuint (run_stat (&run, "pinned"), <=, 400000);
  run_clear (&run);
}

static void
test_no_device_memory (void)
{
  Run run = { 0 };

  if (skip_on_real_driver ())
    return;
  check_degraded ("fail=MemAlloc:2@count=0", "pinnedqueue name=q upload=true ! fakesink name=sink",
      1, &run);
  g_assert_cmpuint (run.on_device, ==, 0);
  g_assert_false (run_has_device_caps (&run));
  run_clear (&run);
}

/* The tenth copy fails: what went before is on the device, what comes after in host memory, and
 * the caps change in between. */
static void
test_upload_ends (void)
{
  Run run = { 0 };

  if (skip_on_real_driver ())
    return;
  check_degraded ("fail=MemcpyHtoDAsync:999@skip=3:count=1",
      "pinnedqueue name=q upload=true ! fakesink name=sink", 1, &run);
  g_assert_cmpuint (run.on_device, ==, 3);
  g_assert_false (run_has_device_caps (&run));
  run_clear (&run);
}

static void
test_upload_ends_with_device_consumer (void)
{
  Run run = { 0 };

  if (skip_on_real_driver ())
    return;
  configure ("fail=MemcpyHtoDAsync:999@skip=3:count=1");
  run_proteins (&run, "pinnedqueue name=q upload=true ! "
      "capsfilter caps=other/tensors(memory:CUDAMemory) ! fakesink name=sink");
  g_assert_error (run.error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT);
  assert_is_start_of (&run, &host);
  run_clear (&run);
  assert_clean ();
}

static void
test_lost_device (void)
{
  Run run = { 0 };

  if (skip_on_real_driver ())
    return;
  configure ("sticky=700@MemcpyHtoDAsync:skip=5,leaks=0");
  run_proteins (&run, "pinnedqueue name=q upload=true ! fakesink name=sink");
  g_assert_error (run.error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED);
  assert_is_start_of (&run, &host);
  run_clear (&run);
}

/* ---- where what comes in comes from ---- */

/* A pool of one buffer, which must come back although no other buffer follows */
static void
check_pool (const gchar * queue)
{
  GstBufferPool *pool = gst_buffer_pool_new ();
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstBufferPoolAcquireParams dont_wait = { .flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT };
  GstHarness *h;
  guint n;

  h = make_harness (queue);
  gst_buffer_pool_config_set_params (config, NULL, 20000, 0, 1);
  g_assert_true (gst_buffer_pool_set_config (pool, config));
  g_assert_true (gst_buffer_pool_set_active (pool, TRUE));
  for (n = 0; n < 10; n++) {
    GstBuffer *buffer;

    g_assert_cmpint (gst_buffer_pool_acquire_buffer (pool, &buffer, &dont_wait), ==, GST_FLOW_OK);
    gst_buffer_memset (buffer, 0, (guint8) n, 20000);
    g_assert_cmpint (gst_harness_push (h, buffer), ==, GST_FLOW_OK);
    buffer = gst_harness_pull (h);
    g_assert_true (is_on_device (buffer));
    g_assert_cmpint (gst_buffer_memcmp (buffer, 19999, &(guint8) { n }, 1), ==, 0);
    gst_buffer_unref (buffer);
  }
  gst_harness_teardown (h);
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
  assert_clean ();
}

static void
test_small_pool (void)
{
  configure ("");
  check_pool ("pinnedqueue upload=true");
  check_pool ("pinnedqueue upload=true pin-memory=off");
}

/* A stream that starts anew without caps has those from before */
static void
test_restart_without_caps (void)
{
  GstSegment segment;
  GstBuffer *buffer;
  GstHarness *h;

  configure ("");
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  h = gst_harness_new_parse ("pinnedqueue upload=true");
  gst_harness_set_src_caps_str (h, "test/x(memory:Other)");
  gst_harness_push_event (h, gst_event_new_stream_start ("again"));
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  gst_harness_push (h, make_numbered (0));
  buffer = gst_harness_pull (h);
  g_assert_false (is_on_device (buffer));
  g_assert_cmpuint (harness_stat (h, "copies"), ==, 0);
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
  assert_clean ();
}

/* ---- what fails ---- */

static GstPadProbeReturn
look_at_caps (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  GstCaps *caps = gst_pad_get_current_caps (pad);
  gboolean device = gst_caps_features_contains (gst_caps_get_features (caps, 0),
      GST_SEQ_CAPS_FEATURE_CUDA_MEMORY);
  guint *n = data, i;

  if (GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_BUFFER) {
    g_assert_cmpint (is_on_device (GST_PAD_PROBE_INFO_BUFFER (info)), ==, device);
    (*n)++;
  } else {
    GstBufferList *list = GST_PAD_PROBE_INFO_BUFFER_LIST (info);

    for (i = 0; i < gst_buffer_list_length (list); i++, (*n)++)
      g_assert_cmpint (is_on_device (gst_buffer_list_get (list, i)), ==, device);
  }
  gst_caps_unref (caps);
  return GST_PAD_PROBE_OK;
}

/* In the middle of a list: what is on the device goes with the caps that say so */
static void
test_upload_ends_in_list (void)
{
  GstBufferList *list = gst_buffer_list_new ();
  GstElement *queue;
  guint i, seen = 0;
  GstHarness *h;
  GstPad *pad;

  if (skip_on_real_driver ())
    return;
  configure ("fail=MemcpyHtoDAsync:999@skip=3:count=1");
  h = make_harness ("pinnedqueue upload=true prefetch-factor=8");
  queue = gst_harness_find_element (h, "pinnedqueue");
  pad = gst_element_get_static_pad (queue, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST, look_at_caps,
      &seen, NULL);
  for (i = 0; i < 7; i++)
    gst_buffer_list_add (list, make_numbered (i));
  g_assert_cmpint (gst_pad_push_list (h->srcpad, list), ==, GST_FLOW_OK);
  for (i = 0; i < 7; i++) {
    GstBuffer *buffer = gst_harness_pull (h);

    g_assert_cmpint (gst_buffer_memcmp (buffer, 0, &(guint8) { i + 1 }, 1), ==, 0);
    gst_buffer_unref (buffer);
  }
  g_assert_cmpuint (seen, ==, 7);
  gst_object_unref (pad);
  gst_object_unref (queue);
  gst_harness_teardown (h);
  assert_clean ();
}

static void
count_freed (gpointer n)
{
  (*(guint *) n)++;
}

/* A device that fails while copies are under way: what they hold is let go of all the same */
static void
test_lost_copies_are_freed (void)
{
  static guint8 bytes[20000];
  guint i, freed = 0;
  GstHarness *h;

  if (skip_on_real_driver ())
    return;
  configure ("fail=EventQuery:600@count=0,sticky=700@EventSynchronize:skip=0,leaks=0");
  h = make_harness ("pinnedqueue upload=true pin-memory=off prefetch-factor=8");
  for (i = 0; i < 4; i++)
    gst_harness_push (h, gst_buffer_new_wrapped_full (GST_MEMORY_FLAG_READONLY, bytes,
            sizeof bytes, 0, sizeof bytes, &freed, count_freed));
  gst_harness_push_event (h, gst_event_new_eos ());
  gst_harness_teardown (h);
  g_assert_cmpuint (freed, ==, 4);
}

/* ---- devices and processes ---- */

static void
test_two_pipelines (void)
{
  Run first = { 0 }, second = { 0 };
  gchar *one = protein_batches ("pinnedqueue name=q upload=true ! fakesink name=sink");

  configure ("");
  run_start (&first, one);
  run_start (&second, one);
  run_wait (&first);
  run_wait (&second);
  assert_same_run (&first, &host);
  assert_same_run (&second, &host);
  run_clear (&first);
  run_clear (&second);
  g_free (one);
  assert_clean ();
}

static void
look_at_device (GstBuffer * buffer, guint index, gpointer data)
{
  g_assert_cmpint (gst_seq_cuda_memory_get_device_id (gst_buffer_peek_memory (buffer, 0)), ==,
      GPOINTER_TO_INT (data));
}

static void
test_two_devices (void)
{
  Run first = { .look = look_at_device, .data = GINT_TO_POINTER (0) };
  Run second = { .look = look_at_device, .data = GINT_TO_POINTER (1) };
  gchar *one, *other;

  if (skip_on_real_driver ())
    return;
  configure ("devices=2");
  one = protein_batches ("pinnedqueue name=q upload=true device-id=0 ! fakesink name=sink");
  other = protein_batches ("pinnedqueue name=q upload=true device-id=1 ! fakesink name=sink");
  run_start (&first, one);
  run_start (&second, other);
  run_wait (&first);
  run_wait (&second);
  assert_same_run (&first, &host);
  assert_same_run (&second, &host);
  run_clear (&first);
  run_clear (&second);
  g_free (one);
  g_free (other);
  assert_clean ();
}

static void
test_no_such_device (void)
{
  Run run = { 0 };

  configure ("");
  run_proteins (&run, "pinnedqueue name=q device-id=4711 ! fakesink name=sink");
  assert_same_run (&run, &host);
  g_assert_cmpuint (run.warnings, ==, 1);
  run_clear (&run);
  assert_clean ();
}

/* CUDA doesn't survive a fork, so the child of a process that used it goes the host path, and says
 * nothing. Threads don't survive it either, so the parent has none: in a process of its own, with
 * an element that has used the driver and runs no task. */
static void
test_fork (void)
{
  GstElement *guard;
  int status;
  pid_t child;

  if (!g_test_subprocess ()) {
    g_test_trap_subprocess (NULL, 0, 0);
    g_test_trap_assert_passed ();
    return;
  }
  configure ("");
  guard = gst_element_factory_make ("cudamemguard", NULL);
  gst_element_set_state (guard, GST_STATE_READY);
  if (fake != NULL)
    g_assert_cmpuint (fake->calls ("Init"), ==, 1);
  child = fork ();
  if (child == 0) {
    GstHarness *h = make_harness ("pinnedqueue upload=true");
    GstBuffer *buffer;
    int ok;

    gst_harness_push (h, make_numbered (1));
    buffer = gst_harness_pull (h);
    ok = buffer != NULL && gst_buffer_memcmp (buffer, 0, "\2\2", 2) == 0
        && harness_stat (h, "pinned") == 0 && harness_stat (h, "uploads") == 0;
    gst_clear_buffer (&buffer);
    gst_harness_teardown (h);
    _exit (ok ? 0 : 1);
  }
  g_assert_cmpint (child, >, 0);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  gst_element_set_state (guard, GST_STATE_NULL);
  gst_object_unref (guard);
  assert_clean ();
}

int
main (int argc, char **argv)
{
  int result;

  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  fake = fakecuda_find ();
  if (!g_test_subprocess ())
    run_proteins (&host, "fakesink name=sink");

  g_test_add_func ("/pinnedqueue-device/no-copies", test_no_copies);
  g_test_add_func ("/pinnedqueue-device/other-sources", test_other_sources);
  g_test_add_func ("/pinnedqueue-device/foreign-memory", test_foreign_memory);
  g_test_add_func ("/pinnedqueue-device/empty-buffers", test_empty_buffers);
  g_test_add_func ("/pinnedqueue-device/buffer-list", test_buffer_list);
  g_test_add_func ("/pinnedqueue-device/upload", test_upload);
  g_test_add_func ("/pinnedqueue-device/golden-calls", test_golden_calls);
  g_test_add_func ("/pinnedqueue-device/upload-pageable", test_upload_pageable);
  g_test_add_func ("/pinnedqueue-device/steady-state", test_steady_state);
  g_test_add_func ("/pinnedqueue-device/flush-and-cycles", test_flush_and_cycles);
  g_test_add_func ("/pinnedqueue-device/caps", test_caps);
  g_test_add_func ("/pinnedqueue-device/foreign-feature", test_foreign_feature);
  g_test_add_func ("/pinnedqueue-device/host-consumer", test_downstream_in_host_memory);
  g_test_add_func ("/pinnedqueue-device/pinned-halved", test_pinned_halved);
  g_test_add_func ("/pinnedqueue-device/no-pinned", test_no_pinned);
  g_test_add_func ("/pinnedqueue-device/max-pinned-bytes", test_max_pinned_bytes);
  g_test_add_func ("/pinnedqueue-device/no-device-memory", test_no_device_memory);
  g_test_add_func ("/pinnedqueue-device/upload-ends", test_upload_ends);
  g_test_add_func ("/pinnedqueue-device/upload-ends-for-good", test_upload_ends_with_device_consumer);
  g_test_add_func ("/pinnedqueue-device/small-pool", test_small_pool);
  g_test_add_func ("/pinnedqueue-device/restart-without-caps", test_restart_without_caps);
  g_test_add_func ("/pinnedqueue-device/upload-ends-in-list", test_upload_ends_in_list);
  g_test_add_func ("/pinnedqueue-device/lost-copies-are-freed", test_lost_copies_are_freed);
  g_test_add_func ("/pinnedqueue-device/two-pipelines", test_two_pipelines);
  g_test_add_func ("/pinnedqueue-device/two-devices", test_two_devices);
  g_test_add_func ("/pinnedqueue-device/no-such-device", test_no_such_device);
  g_test_add_func ("/pinnedqueue-device/fork", test_fork);
  g_test_add_func ("/pinnedqueue-device/lost-device", test_lost_device);
  result = g_test_run ();
  if (!g_test_subprocess ())
    run_clear (&host);
  return result;
}
