/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/check/gstharness.h>
#include <gst/gst.h>
#include <gst/seq/seq.h>
#include <string.h>

#define MIB (G_GUINT64_CONSTANT (1) << 20)

/* An allocator whose numbers the test sets */
#define TEST_TYPE_ALLOCATOR (test_allocator_get_type ())
G_DECLARE_FINAL_TYPE (TestAllocator, test_allocator, TEST, ALLOCATOR, GObject)

struct _TestAllocator
{
  GObject parent;
  GstSeqMemoryStats stats;
  guint64 trim_result;
  gulong delay;                 /* us a query */
  gint queries, trims, resets;  /* atomic */
  gint running;                 /* atomic: calls at this moment */
  gboolean overlapped;
  GstElement *guard;            /* a guard to call back, or NULL */
  GstSeqMemoryProvider *partner;        /* added to @guard by the next query */
};

static const gchar *
test_allocator_get_name (GstSeqMemoryProvider * provider)
{
  return "test";
}

static gboolean
test_allocator_query (GstSeqMemoryProvider * provider, gint device, GstSeqMemoryStats * stats)
{
  TestAllocator *self = TEST_ALLOCATOR (provider);
  GstStructure *nested = NULL;
  guint64 freed = 1;

  if (g_atomic_int_add (&self->running, 1) > 0)
    self->overlapped = TRUE;
  g_atomic_int_inc (&self->queries);
  if (self->delay)
    g_usleep (self->delay);
  *stats = self->stats;
  if (self->partner) {
    g_signal_emit_by_name (self->guard, "add-provider", self->partner);
    g_clear_object (&self->partner);
  }
  if (self->guard) {
    /* what a provider asks of its guard is answered without asking the provider again */
    g_object_set (self->guard, "stats-interval", 77, NULL);
    g_signal_emit_by_name (self->guard, "query-stats", &nested);
    g_assert_nonnull (nested);
    gst_structure_free (nested);
    g_signal_emit_by_name (self->guard, "trim", &freed);
    g_assert_cmpuint (freed, ==, 0);
  }
  g_atomic_int_add (&self->running, -1);
  return TRUE;
}

static guint64
test_allocator_trim (GstSeqMemoryProvider * provider, gint device)
{
  TestAllocator *self = TEST_ALLOCATOR (provider);

  g_atomic_int_inc (&self->trims);
  self->stats.reserved = self->stats.allocated;
  return self->trim_result;
}

static void
test_allocator_reset_peak (GstSeqMemoryProvider * provider, gint device)
{
  TestAllocator *self = TEST_ALLOCATOR (provider);

  g_atomic_int_inc (&self->resets);
  self->stats.peak = self->stats.allocated;
}

static void
test_allocator_provider_init (GstSeqMemoryProviderInterface * iface)
{
  iface->get_name = test_allocator_get_name;
  iface->query = test_allocator_query;
  iface->trim = test_allocator_trim;
  iface->reset_peak = test_allocator_reset_peak;
}

G_DEFINE_TYPE_WITH_CODE (TestAllocator, test_allocator, G_TYPE_OBJECT,
    G_IMPLEMENT_INTERFACE (GST_TYPE_SEQ_MEMORY_PROVIDER, test_allocator_provider_init))

static void
test_allocator_class_init (TestAllocatorClass * klass)
{
}

static void
test_allocator_init (TestAllocator * self)
{
  gst_seq_memory_stats_init (&self->stats);
  self->trim_result = GST_SEQ_MEMORY_UNKNOWN;
}

static TestAllocator *
make_allocator (guint64 allocated, guint64 reserved, guint64 free_size)
{
  TestAllocator *allocator = g_object_new (TEST_TYPE_ALLOCATOR, NULL);

  allocator->stats.allocated = allocated;
  allocator->stats.reserved = reserved;
  allocator->stats.free = free_size;
  return allocator;
}

/* A harness around a guard, and its messages */
typedef struct
{
  GstHarness *h;
  GstElement *guard;
  GstBus *bus;
} Rig;

static void
rig_init (Rig * rig, const gchar * properties)
{
  gchar *launch = g_strdup_printf ("cudamemguard %s", properties);

  rig->h = gst_harness_new_parse (launch);
  rig->guard = gst_harness_find_element (rig->h, "cudamemguard");
  rig->bus = gst_bus_new ();
  gst_element_set_bus (rig->guard, rig->bus);
  gst_harness_set_src_caps_str (rig->h, "test/x");
  g_free (launch);
}

static void
rig_clear (Rig * rig)
{
  gst_bus_set_flushing (rig->bus, TRUE);
  gst_element_set_bus (rig->guard, NULL);
  gst_object_unref (rig->bus);
  gst_object_unref (rig->guard);
  gst_harness_teardown (rig->h);
}

static void
push (Rig * rig, guint n)
{
  GstBuffer *buffer;

  while (n-- > 0) {
    g_assert_cmpint (gst_harness_push (rig->h, gst_buffer_new_allocate (NULL, 4, NULL)), ==,
        GST_FLOW_OK);
    buffer = gst_harness_pull (rig->h);
    gst_buffer_unref (buffer);
  }
}

static GstStructure *
next_message (Rig * rig)
{
  GstMessage *message = gst_bus_pop_filtered (rig->bus, GST_MESSAGE_ELEMENT);
  GstStructure *structure;

  if (message == NULL)
    return NULL;
  structure = gst_structure_copy (gst_message_get_structure (message));
  gst_message_unref (message);
  g_assert_true (gst_structure_has_name (structure, "cuda-memguard"));
  return structure;
}

static guint64
field (const GstStructure * structure, const gchar * name)
{
  guint64 value = G_MAXUINT64;

  if (!gst_structure_get_uint64 (structure, name, &value))
    g_error ("no field %s", name);
  return value;
}

/* The batches at which messages of the kind were posted, as text */
static gchar *
batches_of (Rig * rig, const gchar * event)
{
  GString *batches = g_string_new (NULL);
  GstStructure *message;

  while ((message = next_message (rig))) {
    if (g_str_equal (gst_structure_get_string (message, "event"), event))
      g_string_append_printf (batches, "%" G_GUINT64_FORMAT " ", field (message, "batch"));
    gst_structure_free (message);
  }
  return g_string_free (batches, FALSE);
}

#define assert_batches(rig, event, expected) G_STMT_START { \
  gchar *found = batches_of (rig, event); \
  g_assert_cmpstr (found, ==, expected); \
  g_free (found); \
} G_STMT_END

static GstStructure *
stats_of (Rig * rig)
{
  GstStructure *stats;

  g_object_get (rig->guard, "stats", &stats, NULL);
  return stats;
}

static guint64
stat_of (Rig * rig, const gchar * name)
{
  GstStructure *stats = stats_of (rig);
  guint64 value = field (stats, name);

  gst_structure_free (stats);
  return value;
}

static void
add (Rig * rig, TestAllocator * allocator)
{
  g_signal_emit_by_name (rig->guard, "add-provider", allocator);
}

static void
test_interval (void)
{
  Rig rig;

  rig_init (&rig, "interval=10");
  push (&rig, 35);
  assert_batches (&rig, "trim", "10 20 30 ");
  g_object_set (rig.guard, "interval", 4, NULL);
  push (&rig, 5);
  assert_batches (&rig, "trim", "36 40 ");
  g_object_set (rig.guard, "interval", 0, NULL);
  push (&rig, 30);
  g_object_set (rig.guard, "interval", -10, NULL);
  push (&rig, 30);
  assert_batches (&rig, "trim", "");
  g_assert_cmpuint (stat_of (&rig, "trims"), ==, 5);
  g_assert_cmpuint (stat_of (&rig, "batches"), ==, 100);
  rig_clear (&rig);

  rig_init (&rig, "interval=1");
  push (&rig, 3);
  assert_batches (&rig, "trim", "1 2 3 ");
  rig_clear (&rig);
}

static void
test_provider (void)
{
  TestAllocator *allocator = make_allocator (60 * MIB, 100 * MIB, 500 * MIB);
  GstStructure *message;
  gdouble fragmentation;
  Rig rig;

  allocator->stats.total = 1000 * MIB;
  allocator->stats.peak = 80 * MIB;
  allocator->stats.releasable = 40 * MIB;
  rig_init (&rig, "interval=3 device-id=2");
  add (&rig, allocator);
  push (&rig, 3);
  g_assert_cmpint (allocator->trims, ==, 1);
  message = next_message (&rig);
  g_assert_cmpstr (gst_structure_get_string (message, "source"), ==, "test");
  g_assert_cmpuint (field (message, "batch"), ==, 3);
  g_assert_cmpuint (field (message, "batches-since-trim"), ==, 3);
  g_assert_cmpuint (field (message, "allocated"), ==, 60 * MIB);
  g_assert_cmpuint (field (message, "reserved"), ==, 60 * MIB);
  g_assert_cmpuint (field (message, "freed"), ==, 40 * MIB);
  g_assert_cmpuint (field (message, "free"), ==, 500 * MIB);
  g_assert_cmpuint (field (message, "total"), ==, 1000 * MIB);
  g_assert_cmpuint (field (message, "peak"), ==, 80 * MIB);
  g_assert_cmpuint (field (message, "releasable"), ==, 40 * MIB);
  g_assert_true (gst_structure_has_field_typed (message, "trim-time", G_TYPE_UINT64));
  g_assert_true (gst_structure_get_double (message, "fragmentation", &fragmentation));
  g_assert_cmpfloat (fragmentation, ==, 0);
  g_assert_false (gst_structure_has_field (message, "suggested-batch-size"));
  gst_structure_free (message);

  /* what the provider says counts, where it says something */
  allocator->trim_result = 7;
  push (&rig, 3);
  message = next_message (&rig);
  g_assert_cmpuint (field (message, "freed"), ==, 7);
  g_assert_cmpuint (field (message, "batches-since-trim"), ==, 3);
  gst_structure_free (message);
  g_assert_cmpuint (stat_of (&rig, "freed"), ==, 40 * MIB + 7);

  g_signal_emit_by_name (rig.guard, "remove-provider", allocator);
  g_assert_cmpint (G_OBJECT (allocator)->ref_count, ==, 1);
  push (&rig, 3);
  message = next_message (&rig);
  g_assert_cmpstr (gst_structure_get_string (message, "source"), ==, "none");
  g_assert_false (gst_structure_has_field (message, "allocated"));
  g_assert_false (gst_structure_has_field (message, "freed"));
  gst_structure_free (message);
  rig_clear (&rig);
  g_object_unref (allocator);
}

static void
test_two_providers (void)
{
  TestAllocator *a = make_allocator (10, 20, 500);
  TestAllocator *b = make_allocator (1, GST_SEQ_MEMORY_UNKNOWN, 400);
  GstStructure *stats = NULL;
  Rig rig;

  rig_init (&rig, "");
  add (&rig, a);
  add (&rig, a);
  add (&rig, b);
  g_signal_emit_by_name (rig.guard, "query-stats", &stats);
  g_assert_cmpstr (gst_structure_get_string (stats, "source"), ==, "test+test");
  g_assert_cmpuint (field (stats, "allocated"), ==, 11);
  g_assert_cmpuint (field (stats, "reserved"), ==, 20);
  g_assert_cmpuint (field (stats, "free"), ==, 400);
  gst_structure_free (stats);
  rig_clear (&rig);
  g_object_unref (a);
  g_object_unref (b);
}

static void
test_provider_calls_back (void)
{
  TestAllocator *first = make_allocator (10, 20, 500), *second = make_allocator (1, 2, 400);
  guint interval;
  Rig rig;

  rig_init (&rig, "interval=2");
  first->guard = rig.guard;
  first->partner = GST_SEQ_MEMORY_PROVIDER (g_object_ref (second));
  add (&rig, first);
  push (&rig, 4);
  g_object_get (rig.guard, "stats-interval", &interval, NULL);
  g_assert_cmpuint (interval, ==, 77);
  g_assert_cmpint (first->trims, ==, 2);
  g_assert_cmpint (second->trims, ==, 2);
  assert_batches (&rig, "trim", "2 4 ");
  rig_clear (&rig);
  g_object_unref (first);
  g_object_unref (second);
}

/* Each provider asks the guard that watches the other one. */
static void
test_providers_call_each_other (void)
{
  TestAllocator *first = make_allocator (10, 10, 500), *second = make_allocator (2, 2, 400);
  GstStructure *stats;
  Rig one, other;

  rig_init (&one, "interval=0");
  rig_init (&other, "interval=0");
  add (&one, first);
  add (&other, second);
  first->guard = other.guard;
  second->guard = one.guard;
  g_signal_emit_by_name (one.guard, "query-stats", &stats);
  g_assert_cmpuint (field (stats, "allocated"), ==, 10);
  g_assert_cmpint (first->queries, ==, 1);
  g_assert_false (first->overlapped);
  gst_structure_free (stats);
  rig_clear (&one);
  rig_clear (&other);
  g_object_unref (first);
  g_object_unref (second);
}

static GstStructure *
collect (GstElement * guard, gint device, gint * asked)
{
  GstElement *same = guard;
  GstStructure *nested;

  (*asked)++;
  g_assert_cmpint (device, ==, 4);
  g_signal_emit_by_name (same, "query-stats", &nested);
  gst_structure_free (nested);
  /* numbers of whatever type the language of the application makes */
  return gst_structure_new ("any", "allocated", G_TYPE_INT, 30, "reserved", G_TYPE_UINT64,
      G_GUINT64_CONSTANT (50), "free", G_TYPE_DOUBLE, 1e9, "total", G_TYPE_INT, -1, NULL);
}

static guint64
trim_known (GstElement * guard, gint device, gint * asked)
{
  (*asked)++;
  return 5;
}

static guint64
trim_unknown (GstElement * guard, gint device, gint * asked)
{
  (*asked)++;
  return GST_SEQ_MEMORY_UNKNOWN;
}

static void
test_signals (void)
{
  gint collected = 0, trimmed = 0;
  GstStructure *message;
  guint64 freed = 0;
  gulong known;
  Rig rig;

  rig_init (&rig, "device-id=4 interval=2");
  g_signal_connect (rig.guard, "collect-stats", G_CALLBACK (collect), &collected);
  g_signal_connect (rig.guard, "trim-request", G_CALLBACK (trim_unknown), &trimmed);
  known = g_signal_connect (rig.guard, "trim-request", G_CALLBACK (trim_known), &trimmed);
  push (&rig, 2);
  g_assert_cmpint (trimmed, ==, 2);
  g_assert_cmpint (collected, >=, 2);
  message = next_message (&rig);
  g_assert_cmpstr (gst_structure_get_string (message, "source"), ==, "signal");
  g_assert_cmpuint (field (message, "allocated"), ==, 30);
  g_assert_cmpuint (field (message, "reserved"), ==, 50);
  g_assert_cmpuint (field (message, "free"), ==, 1000000000);
  g_assert_cmpuint (field (message, "peak"), ==, 30);
  g_assert_cmpuint (field (message, "freed"), ==, 5);
  g_assert_false (gst_structure_has_field (message, "total"));
  gst_structure_free (message);

  /* nobody says how much: reserved did not change */
  g_signal_handler_disconnect (rig.guard, known);
  g_signal_emit_by_name (rig.guard, "trim", &freed);
  g_assert_cmpuint (freed, ==, 0);
  message = next_message (&rig);
  g_assert_cmpuint (field (message, "freed"), ==, 0);
  gst_structure_free (message);
  rig_clear (&rig);
}

static GstBuffer *
make_batch (guint n_records, guint64 tokens)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 4, NULL);
  GBytes *table = g_bytes_new_take (g_new0 (GstSeqBatchRecord, n_records),
      n_records * sizeof (GstSeqBatchRecord));
  GstSeqBatchMeta *meta = gst_buffer_add_seq_batch_meta (buffer, table, n_records);

  meta->tokens = tokens;
  g_bytes_unref (table);
  return buffer;
}

static void
test_batch_meta (void)
{
  TestAllocator *allocator = make_allocator (60 * MIB, 100 * MIB, GST_SEQ_MEMORY_UNKNOWN);
  GstStructure *stats = NULL;
  guint suggested = 0;
  Rig rig;

  rig_init (&rig, "");
  add (&rig, allocator);
  gst_harness_push (rig.h, make_batch (10, 333));
  g_signal_emit_by_name (rig.guard, "query-stats", &stats);
  g_assert_true (gst_structure_get_uint (stats, "suggested-batch-size", &suggested));
  g_assert_cmpuint (suggested, ==, 8);
  g_assert_nonnull (gst_structure_get_string (stats, "reason"));
  g_assert_cmpuint (field (stats, "records"), ==, 10);
  g_assert_cmpuint (field (stats, "tokens"), ==, 333);
  gst_structure_free (stats);

  push (&rig, 1);
  stats = stats_of (&rig);
  g_assert_false (gst_structure_has_field (stats, "suggested-batch-size"));
  g_assert_cmpuint (field (stats, "records"), ==, 10);
  g_assert_cmpuint (field (stats, "batches"), ==, 2);
  gst_structure_free (stats);
  rig_clear (&rig);
  g_object_unref (allocator);
}

static void
test_actions (void)
{
  TestAllocator *allocator = make_allocator (10, 10, 10 * GST_SEQ_GIB);
  gboolean enough = FALSE;
  guint64 estimate = 0;
  guint n = 77;
  Rig rig;

  rig_init (&rig, "");
  g_signal_emit_by_name (rig.guard, "check-memory", G_MAXUINT64 - 1, &enough);
  g_assert_true (enough);
  g_signal_emit_by_name (rig.guard, "safe-batch-size", GST_SEQ_GIB, 100, 0.8, &n);
  g_assert_cmpuint (n, ==, 0);
  g_signal_emit_by_name (rig.guard, "suggest-batch-size", 10, &n);
  g_assert_cmpuint (n, ==, 10);
  g_signal_emit_by_name (rig.guard, "estimate-memory", 32, 512, 3 * GST_SEQ_GIB, 768, 2, &estimate);
  g_assert_cmpuint (estimate, ==, 3 * GST_SEQ_GIB + G_GUINT64_CONSTANT (32) * 512 * 768 * 2 * 4);

  add (&rig, allocator);
  g_signal_emit_by_name (rig.guard, "check-memory", 10 * GST_SEQ_GIB, &enough);
  g_assert_true (enough);
  g_signal_emit_by_name (rig.guard, "check-memory", 10 * GST_SEQ_GIB + 1, &enough);
  g_assert_false (enough);
  g_signal_emit_by_name (rig.guard, "safe-batch-size", 2 * GST_SEQ_GIB, 512, 0.8, &n);
  g_assert_cmpuint (n, ==, gst_seq_safe_batch_size (2 * GST_SEQ_GIB, 512, 10 * GST_SEQ_GIB, 0.8));
  g_assert_cmpuint (n, >, 100);
  g_signal_emit_by_name (rig.guard, "safe-batch-size", 2 * GST_SEQ_GIB, 0, 0.8, &n);
  g_assert_cmpuint (n, ==, 0);
  g_signal_emit_by_name (rig.guard, "suggest-batch-size", 10, &n);
  g_assert_cmpuint (n, ==, 12);
  rig_clear (&rig);
  g_object_unref (allocator);
}

static void
test_peak (void)
{
  TestAllocator *allocator = make_allocator (100, 100, 100);
  GstStructure *stats = NULL;
  Rig rig;

  rig_init (&rig, "");
  add (&rig, allocator);
  g_signal_emit_by_name (rig.guard, "query-stats", &stats);
  gst_structure_free (stats);
  allocator->stats.allocated = 30;
  g_signal_emit_by_name (rig.guard, "query-stats", &stats);
  g_assert_cmpuint (field (stats, "allocated"), ==, 30);
  g_assert_cmpuint (field (stats, "peak"), ==, 100);
  gst_structure_free (stats);
  g_signal_emit_by_name (rig.guard, "reset-peak");
  g_assert_cmpint (allocator->resets, ==, 1);
  g_assert_cmpuint (stat_of (&rig, "peak"), ==, 30);
  rig_clear (&rig);
  g_object_unref (allocator);
}

static GstPadProbeReturn
grow (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  TestAllocator *allocator = data;

  /* the consumer: 5 more, then 3 less */
  allocator->stats.allocated += allocator->stats.allocated == 100 ? 5 : -3;
  allocator->stats.reserved += 10;
  return GST_PAD_PROBE_OK;
}

static void
test_track (void)
{
  TestAllocator *allocator = make_allocator (100, 200, 100);
  GstStructure *stats;
  gint64 change = 0;
  Rig rig;

  rig_init (&rig, "track=true");
  gst_pad_add_probe (rig.h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, grow, allocator, NULL);
  push (&rig, 1);
  stats = stats_of (&rig);
  g_assert_false (gst_structure_has_field (stats, "allocated-change"));
  gst_structure_free (stats);

  allocator->stats.allocated = 100;
  add (&rig, allocator);
  push (&rig, 2);
  stats = stats_of (&rig);
  g_assert_true (gst_structure_get_int64 (stats, "allocated-change", &change));
  g_assert_cmpint (change, ==, -3);
  g_assert_true (gst_structure_get_int64 (stats, "max-allocated-change", &change));
  g_assert_cmpint (change, ==, 5);
  g_assert_true (gst_structure_get_int64 (stats, "reserved-change", &change));
  g_assert_cmpint (change, ==, 10);
  gst_structure_free (stats);
  rig_clear (&rig);
  g_object_unref (allocator);
}

static void
test_message_rate (void)
{
  gint64 start = g_get_monotonic_time ();
  gint64 took;
  GstStructure *message;
  guint n = 0;
  Rig rig;

  rig_init (&rig, "interval=0 stats-interval=50");
  while (g_get_monotonic_time () - start < 220 * 1000)
    push (&rig, 10);
  took = (g_get_monotonic_time () - start) / 1000;
  while ((message = next_message (&rig))) {
    g_assert_cmpstr (gst_structure_get_string (message, "event"), ==, "stats");
    gst_structure_free (message);
    n++;
  }
  g_assert_cmpuint (n, >=, 1);
  g_assert_cmpuint (n, <=, took / 50);

  g_object_set (rig.guard, "stats-interval", 0, NULL);
  g_usleep (60000);
  push (&rig, 10);
  g_assert_null (next_message (&rig));
  rig_clear (&rig);
}

static void
test_slow_provider (void)
{
  TestAllocator *allocator = make_allocator (1, 2, 3);
  gint64 start = g_get_monotonic_time ();
  Rig rig;

  allocator->delay = 2000;
  rig_init (&rig, "interval=0 stats-interval=0");
  add (&rig, allocator);
  while (g_get_monotonic_time () - start < 100 * 1000)
    push (&rig, 10);
  /* 2 ms and more a query: the next is due 198 ms later, which a busy machine may take for the loop */
  g_assert_cmpint (allocator->queries, >=, 1);
  g_assert_cmpint (allocator->queries, <=,
      1 + (g_get_monotonic_time () - start) / (198 * 1000));

  g_object_set (rig.guard, "stats-interval", 20, NULL);
  start = g_get_monotonic_time ();
  while (allocator->queries < 3) {
    g_assert_cmpint (g_get_monotonic_time () - start, <, 20 * G_USEC_PER_SEC);
    push (&rig, 10);
  }
  g_assert_cmpuint (stat_of (&rig, "sample-every"), >, 1);
  rig_clear (&rig);
  g_object_unref (allocator);
}

static GstPadProbeReturn
eos_is_told (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Rig *rig = data;
  GstStructure *message;

  if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) != GST_EVENT_EOS)
    return GST_PAD_PROBE_OK;
  message = next_message (rig);
  g_assert_nonnull (message);
  g_assert_cmpstr (gst_structure_get_string (message, "event"), ==, "eos");
  g_assert_cmpuint (field (message, "batches"), ==, 5);
  g_assert_cmpuint (field (message, "trims"), ==, 0);
  gst_structure_free (message);
  return GST_PAD_PROBE_REMOVE;
}

static void
test_eos (void)
{
  Rig rig;

  rig_init (&rig, "");
  push (&rig, 5);
  gst_pad_add_probe (rig.h->sinkpad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, eos_is_told, &rig, NULL);
  g_assert_true (gst_harness_push_event (rig.h, gst_event_new_eos ()));
  g_assert_null (next_message (&rig));
  rig_clear (&rig);
}

static void
test_flush_and_states (void)
{
  GstSegment segment;
  Rig rig;
  guint i;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  rig_init (&rig, "interval=10");
  push (&rig, 7);
  g_assert_true (gst_harness_push_event (rig.h, gst_event_new_flush_start ()));
  g_assert_true (gst_harness_push_event (rig.h, gst_event_new_flush_stop (TRUE)));
  g_assert_true (gst_harness_push_event (rig.h, gst_event_new_segment (&segment)));
  push (&rig, 3);
  assert_batches (&rig, "trim", "10 ");

  gst_element_set_state (rig.guard, GST_STATE_READY);
  g_assert_cmpuint (stat_of (&rig, "batches"), ==, 10);
  gst_element_set_state (rig.guard, GST_STATE_NULL);
  g_assert_cmpuint (stat_of (&rig, "batches"), ==, 0);
  g_assert_cmpuint (stat_of (&rig, "trims"), ==, 0);
  for (i = 0; i < 100; i++) {
    g_assert_cmpint (gst_element_set_state (rig.guard, GST_STATE_PLAYING), ==,
        GST_STATE_CHANGE_SUCCESS);
    g_assert_cmpint (gst_element_set_state (rig.guard, GST_STATE_NULL), ==,
        GST_STATE_CHANGE_SUCCESS);
  }
  rig_clear (&rig);
}

static void
test_buffer_list (void)
{
  GstBufferList *list = gst_buffer_list_new ();
  GstBuffer *buffer;
  Rig rig;
  guint i;

  rig_init (&rig, "interval=3");
  for (i = 0; i < 7; i++) {
    buffer = gst_buffer_new ();
    GST_BUFFER_OFFSET (buffer) = i;
    gst_buffer_list_add (list, buffer);
  }
  g_assert_cmpint (gst_pad_push_list (rig.h->srcpad, list), ==, GST_FLOW_OK);
  for (i = 0; i < 7; i++) {
    buffer = gst_harness_pull (rig.h);
    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, i);
    /* not during the push, when the guard has it to try again, but afterwards */
    g_assert_true (gst_buffer_is_writable (buffer));
    gst_buffer_unref (buffer);
  }
  assert_batches (&rig, "trim", "3 6 ");
  g_assert_cmpuint (stat_of (&rig, "batches"), ==, 7);
  rig_clear (&rig);
}

static GstFlowReturn
refuse (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  gst_buffer_unref (buffer);
  return GST_FLOW_CUSTOM_ERROR;
}

static void
test_flow_goes_up (void)
{
  GstBufferList *list = gst_buffer_list_new ();
  Rig rig;

  rig_init (&rig, "interval=1");
  gst_pad_set_chain_function (rig.h->sinkpad, refuse);
  g_assert_cmpint (gst_harness_push (rig.h, gst_buffer_new ()), ==, GST_FLOW_CUSTOM_ERROR);
  gst_buffer_list_add (list, gst_buffer_new ());
  gst_buffer_list_add (list, gst_buffer_new ());
  g_assert_cmpint (gst_pad_push_list (rig.h->srcpad, list), ==, GST_FLOW_CUSTOM_ERROR);
  g_assert_null (next_message (&rig));
  g_assert_cmpuint (stat_of (&rig, "batches"), ==, 2);
  rig_clear (&rig);
}

static gpointer
ask_a_lot (gpointer data)
{
  GstElement *guard = data;
  GstStructure *stats;
  guint64 freed;
  guint i;

  for (i = 0; i < 200; i++) {
    g_signal_emit_by_name (guard, "query-stats", &stats);
    gst_structure_free (stats);
    g_signal_emit_by_name (guard, "trim", &freed);
  }
  return NULL;
}

static void
test_threads (void)
{
  TestAllocator *allocator = make_allocator (1, 2, 3), *other = make_allocator (4, 5, 6);
  GThread *thread;
  Rig rig;
  guint i;

  rig_init (&rig, "interval=5");
  add (&rig, allocator);
  thread = g_thread_new ("asker", ask_a_lot, rig.guard);
  for (i = 0; i < 200; i++) {
    push (&rig, 5);
    g_signal_emit_by_name (rig.guard, i % 2 ? "remove-provider" : "add-provider", other);
  }
  g_thread_join (thread);
  g_assert_false (allocator->overlapped);
  g_assert_cmpuint (stat_of (&rig, "trims"), ==, 400);
  rig_clear (&rig);
  g_object_unref (allocator);
  g_object_unref (other);
}

static void
test_preset (void)
{
  gboolean track = FALSE;
  gint interval = -1, policy = -1;
  Rig rig;

  rig_init (&rig, "");
  g_assert_true (gst_preset_load_preset (GST_PRESET (rig.guard), "watch"));
  g_object_get (rig.guard, "interval", &interval, "track", &track, NULL);
  g_assert_cmpint (interval, ==, 0);
  g_assert_true (track);
  g_assert_true (gst_preset_load_preset (GST_PRESET (rig.guard), "adaptive"));
  g_object_get (rig.guard, "interval", &interval, "trim-policy", &policy, NULL);
  g_assert_cmpint (interval, ==, 100);
  g_assert_cmpint (policy, ==, 1);
  rig_clear (&rig);
}

/* In a process of its own, because the environment is changed once a process */
static void
test_expandable_segments (void)
{
  GstElement *guard;

  if (!g_test_subprocess ()) {
    g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed ();
    return;
  }

  g_setenv ("PYTORCH_CUDA_ALLOC_CONF", "max_split_size_mb:64", TRUE);
  g_setenv ("PYTORCH_ALLOC_CONF", "garbage_collection_threshold:0.8", TRUE);
  guard = gst_element_factory_make ("cudamemguard", NULL);
  gst_element_set_state (guard, GST_STATE_READY);
  g_assert_cmpstr (g_getenv ("PYTORCH_CUDA_ALLOC_CONF"), ==, "max_split_size_mb:64");
  gst_element_set_state (guard, GST_STATE_NULL);

  g_object_set (guard, "expandable-segments", TRUE, NULL);
  gst_element_set_state (guard, GST_STATE_READY);
  g_assert_cmpstr (g_getenv ("PYTORCH_ALLOC_CONF"), ==,
      "garbage_collection_threshold:0.8,expandable_segments:True");
  g_assert_cmpstr (g_getenv ("PYTORCH_CUDA_ALLOC_CONF"), ==, g_getenv ("PYTORCH_ALLOC_CONF"));

  gst_element_set_state (guard, GST_STATE_NULL);
  g_setenv ("PYTORCH_ALLOC_CONF", "x:1", TRUE);
  gst_element_set_state (guard, GST_STATE_READY);
  g_assert_cmpstr (g_getenv ("PYTORCH_ALLOC_CONF"), ==, "x:1");
  gst_element_set_state (guard, GST_STATE_NULL);
  gst_object_unref (guard);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);

  g_test_add_func ("/cudamemguard/interval", test_interval);
  g_test_add_func ("/cudamemguard/provider", test_provider);
  g_test_add_func ("/cudamemguard/two-providers", test_two_providers);
  g_test_add_func ("/cudamemguard/provider-calls-back", test_provider_calls_back);
  g_test_add_func ("/cudamemguard/providers-call-each-other", test_providers_call_each_other);
  g_test_add_func ("/cudamemguard/signals", test_signals);
  g_test_add_func ("/cudamemguard/batch-meta", test_batch_meta);
  g_test_add_func ("/cudamemguard/actions", test_actions);
  g_test_add_func ("/cudamemguard/peak", test_peak);
  g_test_add_func ("/cudamemguard/track", test_track);
  g_test_add_func ("/cudamemguard/message-rate", test_message_rate);
  g_test_add_func ("/cudamemguard/slow-provider", test_slow_provider);
  g_test_add_func ("/cudamemguard/eos", test_eos);
  g_test_add_func ("/cudamemguard/flush-and-states", test_flush_and_states);
  g_test_add_func ("/cudamemguard/buffer-list", test_buffer_list);
  g_test_add_func ("/cudamemguard/flow-goes-up", test_flow_goes_up);
  g_test_add_func ("/cudamemguard/threads", test_threads);
  g_test_add_func ("/cudamemguard/preset", test_preset);
  g_test_add_func ("/cudamemguard/expandable-segments", test_expandable_segments);
  return g_test_run ();
}
