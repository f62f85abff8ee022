/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A thread of pinnedqueue that would only wait writes batches of seqbatch. */

#include "pinnedqueue-rig.h"
#include "seqbatch-batches.h"

#include "gstseqidlework.h"

/* ---- pinnedqueue offers to help ---- */

typedef struct
{
  SeqIdleJob job;
  GThread *thread;
  gint done;                    /* atomic */
} Work;

static void
work_func (SeqIdleJob * job)
{
  Work *work = (Work *) job;

  work->thread = g_thread_self ();
  g_atomic_int_set (&work->done, TRUE);
}

static SeqIdleWork *
ask (GstPad * srcpad)
{
  GstCaps *caps = gst_caps_new_empty_simple ("test/x-unit");
  GstQuery *query = gst_query_new_allocation (caps, TRUE);
  SeqIdleWork *idle = gst_pad_peer_query (srcpad, query) ? gst_seq_idle_work_from_query (query)
      : NULL;

  gst_query_unref (query);
  gst_caps_unref (caps);
  return idle;
}

static void
test_offer (void)
{
  Rig rig[2];
  SeqIdleWork *first, *again, *other;
  Work work = { .job.func = work_func };

  for (guint i = 0; i < 2; i++) {
    rig_init (&rig[i]);
    rig_start (&rig[i]);
  }
  first = ask (rig[0].src);
  again = ask (rig[0].src);
  other = ask (rig[1].src);
  g_assert_nonnull (first);
  g_assert_true (first == again);
  g_assert_true (first != other);
  seq_idle_work_unref (again);
  seq_idle_work_unref (other);
  for (guint i = 0; i < 2; i++)
    rig_clear (&rig[i]);

  /* who has it need not ask whether the queue is still there */
  seq_idle_work_add (first, &work.job);
  seq_idle_work_wait (first, &work.job);
  g_assert_true (work.thread == g_thread_self ());
  seq_idle_work_unref (first);
}

static void
test_task_helps (void)
{
  Work work[50] = { 0 };
  SeqIdleWork *idle;
  Rig rig;

  rig_init (&rig);
  rig_start (&rig);
  idle = ask (rig.src);
  for (guint i = 0; i < G_N_ELEMENTS (work); i++) {
    work[i].job.func = work_func;
    seq_idle_work_add (idle, &work[i].job);
  }
  g_assert_cmpint (push (&rig, 0), ==, GST_FLOW_OK);    /* which wakes it */
  for (guint i = 0; i < G_N_ELEMENTS (work); i++) {
    WAIT_FOR (g_atomic_int_get (&work[i].done));
    g_assert_true (work[i].thread != g_thread_self ());
  }
  /* only now, for who waits works, too */
  for (guint i = 0; i < G_N_ELEMENTS (work); i++)
    seq_idle_work_wait (idle, &work[i].job);
  WAIT_FOR (log_ends (&rig, "b0 "));
  seq_idle_work_unref (idle);
  rig_clear (&rig);
}

/* Downstream keeps the task, and there is no room: who pushes does the work. */
static void
test_upstream_helps (void)
{
  Pusher pusher = { NULL, 3, 8 };
  Work work = { .job.func = work_func };
  SeqIdleWork *idle;
  GThread *thread;
  Rig rig;

  rig_init (&rig);
  pusher.rig = &rig;
  rig_start (&rig);
  idle = ask (rig.src);
  set_shut (&rig, TRUE, GST_FLOW_OK);
  push (&rig, 0);
  WAIT_FOR (is_inside (&rig));
  seq_idle_work_add (idle, &work.job);
  thread = g_thread_ref (g_thread_new ("pusher", pusher_run, &pusher));
  WAIT_FOR (g_atomic_int_get (&work.done));
  g_assert_true (work.thread == thread);
  g_assert_cmpint (g_atomic_int_get (&pusher.pushed), ==, 2);
  seq_idle_work_wait (idle, &work.job);
  set_shut (&rig, FALSE, GST_FLOW_OK);
  g_thread_join (thread);
  g_thread_unref (thread);
  g_assert_cmpint (g_atomic_int_get (&pusher.pushed), ==, 3);
  WAIT_FOR (log_ends (&rig, "b0 b0 b1 b2 "));
  seq_idle_work_unref (idle);
  rig_clear (&rig);
}

/* ---- seqbatch takes help ---- */

typedef struct
{
  SeqIdleWork *idle;
  SeqIdleWork *instead;         /* offered; NULL = `idle` */
  gboolean silent;              /* nothing is offered */
  GstBufferPool *pool;          /* proposed too; NULL = none */
  gint helped;                  /* atomic */
  gint stop;                    /* atomic */
  GThread *thread;
} Helper;

static gpointer
helper_run (gpointer data)
{
  Helper *helper = data;

  while (!g_atomic_int_get (&helper->stop))
    if (seq_idle_work_help (helper->idle))
      g_atomic_int_inc (&helper->helped);
  return NULL;
}

static GstPadProbeReturn
offer_probe (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Helper *helper = data;
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);

  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION || helper->silent)
    return GST_PAD_PROBE_OK;
  gst_seq_idle_work_offer (helper->instead ? helper->instead : helper->idle, query);
  if (helper->pool)
    gst_query_add_allocation_pool (query, helper->pool, 64 << 10, 0, 2);
  return GST_PAD_PROBE_HANDLED;
}

static void
helper_start (Helper * helper)
{
  *helper = (Helper) { .idle = seq_idle_work_new (NULL, NULL) };
  helper->thread = g_thread_new ("helper", helper_run, helper);
}

static void
helper_stop (Helper * helper)
{
  g_atomic_int_set (&helper->stop, TRUE);
  g_thread_join (helper->thread);
  seq_idle_work_unref (helper->idle);
}

static GstHarness *
helped_harness_new (const gchar * properties, Helper * helper)
{
  GstHarness *h = gst_harness_new_with_element (batcher_new (properties), "sink", "src");
  GstBus *bus = gst_bus_new ();

  gst_element_set_bus (h->element, bus);
  gst_object_unref (bus);
  gst_object_unref (h->element);        /* the harness has one */
  if (helper)
    gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, offer_probe, helper, NULL);
  gst_harness_set_src_caps_str (h, RECORDS_CAPS);
  return h;
}

/* Everything that comes of random records, as text */
static gchar *
digest_of_run (const gchar * properties, Helper * helper)
{
  GRand *rand = g_rand_new_with_seed (42);
  g_auto (GStrv) sequences = random_sequences (rand, 3000, 400, "ACDEFGHIKLMNPQRSTVWYX");
  GstHarness *h = helped_harness_new (properties, helper);
  GString *digest = g_string_new (NULL);
  GPtrArray *batches;

  push_sequences (h, sequences, 700, rand);
  push_eos (h);
  batches = pull_batches (h, 0);
  for (guint i = 0; i < batches->len; i++)
    append_digest (digest, batches->pdata[i]);
  g_ptr_array_unref (batches);
  harness_free (h);
  g_rand_free (rand);
  return g_string_free (digest, FALSE);
}

static void
test_same_batches (void)
{
  static const gchar *const properties[] = {
    "batch-size=7", "batch-size=0 max-tokens=4096 dtype=uint8",
    "layout=packed batch-size=0 max-tokens=4096", "batch-size=1 overlong=window max-length=50",
    "batch-size=8 drop-last=true mask=false", "batch-size=0 max-tokens=2048 tokenizer=prott5",
    /* of k-mers, where there is one thread for them */
    "batch-size=7 tokenizer=nt6 num-gpus=1024",
  };

  for (guint i = 0; i < G_N_ELEMENTS (properties); i++) {
    g_autofree gchar *alone = digest_of_run (properties[i], NULL);
    gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
    Helper helper;

    helper_start (&helper);
    do {
      g_autofree gchar *helped = digest_of_run (properties[i], &helper);

      g_assert_cmpstr (helped, ==, alone);
    } while (g_atomic_int_get (&helper.helped) == 0 && g_get_monotonic_time () < end);
    helper_stop (&helper);
    g_assert_cmpint (helper.helped, >, 0);
  }
}

/* Who says how many threads there should be gets no other. */
static void
test_not_asked (void)
{
  static const gchar *const properties[] = { "workers=0", "workers=1" };

  for (guint i = 0; i < G_N_ELEMENTS (properties); i++) {
    g_autofree gchar *all = g_strdup_printf ("batch-size=7 %s", properties[i]);
    g_autofree gchar *digest = NULL;
    Helper helper;

    helper_start (&helper);
    digest = digest_of_run (all, &helper);
    helper_stop (&helper);
    g_assert_cmpuint (strlen (digest), >, 0);
    g_assert_cmpint (helper.helped, ==, 0);
  }
}

/* What comes before an error leaves before it, and nothing behind it. */
static void
test_error (void)
{
  Helper helper;
  GstHarness *h;
  GPtrArray *batches;

  helper_start (&helper);
  for (guint bad = 0; bad < 12; bad++) {
    GString *list = g_string_new (NULL);

    for (guint i = 0; i < 12; i++)
      g_string_append_printf (list, "%s%s", i ? "," : "", i == bad ? "MK!T" : "MKT");
    h = helped_harness_new ("batch-size=1 unknown=error", &helper);
    g_assert_cmpint (push_list (h, list->str), ==, GST_FLOW_ERROR);
    batches = pull_batches (h, 0);
    g_assert_cmpuint (batches->len, ==, bad);
    assert_one_error (h->element, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, "residue 2 ('!')");
    g_ptr_array_unref (batches);
    harness_free (h);
    g_string_free (list, TRUE);
  }
  helper_stop (&helper);
}

/* Pulls 500 batches and lets go of each. */
static gpointer
consume (gpointer data)
{
  GstHarness *h = data;

  for (guint64 i = 0; i < 500; i++) {
    GstBuffer *batch = gst_harness_pull (h);

    g_assert_nonnull (batch);
    g_assert_cmpuint (check_batch (batch)->batch, ==, i);
    gst_buffer_unref (batch);
  }
  return NULL;
}

/* Fewer buffers in downstream's pool than batches may be on their way */
static void
test_small_pool (void)
{
  GRand *rand = g_rand_new_with_seed (7);
  g_auto (GStrv) sequences = random_sequences (rand, 1000, 100, "ACDEFGHIKLMNPQRSTVWY");
  GThread *consumer;
  Helper helper;
  GstHarness *h;

  helper_start (&helper);
  helper.pool = gst_buffer_pool_new ();
  h = helped_harness_new ("batch-size=2", &helper);
  consumer = g_thread_new ("consumer", consume, h);
  push_sequences (h, sequences, 300, NULL);
  push_eos (h);
  g_thread_join (consumer);
  harness_free (h);
  helper_stop (&helper);
  gst_object_unref (helper.pool);
  g_rand_free (rand);
}

/* ---- seqsort takes it, too ---- */

/* Enough of records for copies to be shared. Batches by threads of the element alone, so that what is
 * helped with is the copies. */
static void
test_copies (void)
{
  GRand *rand = g_rand_new_with_seed (3);
  g_auto (GStrv) sequences = random_sequences (rand, 6000, 500, "ACDEFGHIKLMNPQRSTVWY");
  const gboolean shared = g_get_num_processors () > 1;
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  Helper helper;

  helper_start (&helper);
  do {
    GstHarness *h = gst_harness_new_parse ("seqsort ! seqbatch batch-size=100 workers=1");
    guint previous = 0;

    gst_pad_add_probe (h->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, offer_probe, &helper, NULL);
    gst_harness_set_src_caps_str (h, RECORDS_CAPS);
    push_sequences (h, sequences, 1000, NULL);
    push_eos (h);
    for (guint i = 0; i < 60; i++) {
      GstBuffer *batch = gst_harness_pull (h);
      const GstSeqBatchMeta *meta = check_batch (batch);

      g_assert_cmpuint (meta->n_records, ==, 100);
      for (guint k = 0; k < 100; k++) {
        guint length = strlen (sequences[meta->records[k].id]);

        g_assert_cmpuint (meta->records[k].tokens, ==, length + 2);
        g_assert_cmpuint (length, >=, previous);
        previous = length;
      }
      gst_buffer_unref (batch);
    }
    gst_harness_teardown (h);
  } while (shared && g_atomic_int_get (&helper.helped) == 0 && g_get_monotonic_time () < end);
  helper_stop (&helper);
  /* one processor has nobody to share with */
  g_assert_cmpint (helper.helped > 0, ==, shared);
  g_rand_free (rand);
}

static guint
count_reconfigure (GstHarness * h)
{
  GstEvent *event;
  guint n = 0;

  while ((event = gst_harness_try_pull_upstream_event (h))) {
    n += GST_EVENT_TYPE (event) == GST_EVENT_RECONFIGURE;
    gst_event_unref (event);
  }
  return n;
}

static void
assert_offered (GstHarness * h, SeqIdleWork * expected)
{
  SeqIdleWork *idle = ask (h->srcpad);

  g_assert_true (idle == expected);
  g_clear_pointer (&idle, seq_idle_work_unref);
}

/* Another queue downstream, or none: upstream of seqbatch is told to ask again. */
static void
test_other_queue (void)
{
  Helper helper, other;
  GstHarness *h;

  helper_start (&helper);
  helper_start (&other);
  h = helped_harness_new ("batch-size=1", &helper);
  g_assert_cmpint (push_list (h, "MKT"), ==, GST_FLOW_OK);
  count_reconfigure (h);        /* linking sends some */
  assert_offered (h, helper.idle);

  /* the same, from whom the event comes that goes on upstream */
  g_assert_true (gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ()));
  g_assert_cmpint (push_list (h, "MKT"), ==, GST_FLOW_OK);
  g_assert_cmpuint (count_reconfigure (h), ==, 1);
  assert_offered (h, helper.idle);

  helper.instead = other.idle;
  g_assert_true (gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ()));
  g_assert_cmpuint (count_reconfigure (h), ==, 1);
  g_assert_cmpint (push_list (h, "MKT"), ==, GST_FLOW_OK);
  g_assert_cmpuint (count_reconfigure (h), ==, 1);
  assert_offered (h, other.idle);

  helper.silent = TRUE;
  g_assert_true (gst_pad_push_event (h->sinkpad, gst_event_new_reconfigure ()));
  g_assert_cmpint (push_list (h, "MKT"), ==, GST_FLOW_OK);
  g_assert_cmpuint (count_reconfigure (h), ==, 2);
  assert_offered (h, NULL);
  harness_free (h);
  helper_stop (&helper);
  helper_stop (&other);
}

/* ---- together ---- */

/* The batches are those that there are without a queue. */
static void
test_pipeline (void)
{
  GRand *rand = g_rand_new_with_seed (5);
  g_auto (GStrv) sequences = random_sequences (rand, 4000, 300, "ACDEFGHIKLMNPQRSTVWY");
  g_autofree gchar *alone = NULL, *queued = NULL;
  const gchar *launch[] = { "seqbatch batch-size=5", "seqbatch batch-size=5 ! pinnedqueue" };
  gchar **digests[] = { &alone, &queued };

  for (guint i = 0; i < 2; i++) {
    GstHarness *h = gst_harness_new_parse (launch[i]);
    GString *digest = g_string_new (NULL);
    guint n = 0;

    gst_harness_set_src_caps_str (h, RECORDS_CAPS);
    push_sequences (h, sequences, 900, NULL);
    push_eos (h);
    for (; n < 800; n++) {
      GstBuffer *batch = gst_harness_pull (h);

      g_assert_nonnull (batch);
      append_digest (digest, batch);
      gst_buffer_unref (batch);
    }
    g_assert_null (gst_harness_try_pull (h));
    gst_harness_teardown (h);
    *digests[i] = g_string_free (digest, FALSE);
  }
  g_assert_cmpstr (alone, ==, queued);
  g_rand_free (rand);
}

int
main (int argc, char **argv)
{
  gst_init (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/helping/offer", test_offer);
  g_test_add_func ("/helping/task-helps", test_task_helps);
  g_test_add_func ("/helping/upstream-helps", test_upstream_helps);
  g_test_add_func ("/helping/same-batches", test_same_batches);
  g_test_add_func ("/helping/not-asked", test_not_asked);
  g_test_add_func ("/helping/error", test_error);
  g_test_add_func ("/helping/small-pool", test_small_pool);
  g_test_add_func ("/helping/copies", test_copies);
  g_test_add_func ("/helping/other-queue", test_other_queue);
  g_test_add_func ("/helping/pipeline", test_pipeline);
  return g_test_run ();
}
