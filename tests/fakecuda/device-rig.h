/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What tests of elements on a driver share. They run on the fake driver and on a real one; what
 * only the fake can do is left out there. */

#include <gst/check/gstharness.h>

#include "batch-digests.h"
#include "device.h"

static const FakeCuda *fake;
static inline void
configure (const gchar * config)
{
  if (fake != NULL)
    fake->configure (config);
}

/* Nothing was used wrongly, and nothing is left */
static inline void
assert_clean (void)
{
  if (fake == NULL)
    return;
  g_assert_cmpuint (fake->problems (), ==, 0);
  g_assert_cmpuint (fake->alive (NULL), ==, 0);
}

static inline gboolean
skip_on_real_driver (void)
{
  if (fake == NULL)
    g_test_skip ("needs the fake driver");
  return fake == NULL;
}

static inline GstHarness *
make_harness (const gchar * queue)
{
  GstHarness *h = gst_harness_new_parse (queue);

  gst_harness_set_src_caps_str (h, "test/x, n=1");
  return h;
}

static inline guint64
harness_stat (GstHarness * h, const gchar * name)
{
  GstElement *queue = gst_harness_find_element (h, "pinnedqueue");
  guint64 value = G_MAXUINT64;
  GstStructure *stats;

  g_object_get (queue, "stats", &stats, NULL);
  g_assert_true (gst_structure_get_uint64 (stats, name, &value));
  gst_structure_free (stats);
  gst_object_unref (queue);
  return value;
}

static inline GstBuffer *
make_numbered (guint n)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 20000, NULL);

  gst_buffer_memset (buffer, 0, (guint8) (n + 1), 20000);
  return buffer;
}
