/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What cudamemguard does when the consumer runs out of device memory: wait, trim, try the batch
 * again, then halve it by records, down to single ones; and ask upstream for smaller batches. */
#include "gstcudamemguard-private.h"

#define GST_CAT_DEFAULT cuda_mem_guard_debug

/* "Out of device memory, nothing emitted for this buffer" */
#define FLOW_OOM GST_FLOW_CUSTOM_ERROR_1

/* whole batches that are tried again in vain until that is left out, and every how many failures
 * it is tried anew */
#define MAX_VAIN_REPLAYS 3
#define RETRY_REPLAYS 8

/* how often a single record is tried again, when as large a batch has passed before */
#define LAST_CHANCES 5

/* a change of the limit by less than this part is not worth an event */
#define LEAST_CHANGE 50

/* One batch on its way through */
typedef struct
{
  GstCudaMemGuard *guard;
  GstBuffer *batch;
  guint n_records;              /* 1 for what can't be split, whatever it holds */
  guint next_piece;             /* number, from 1, of the piece that goes down next */
  gboolean failed;              /* something did */
} Delivery;

/* ---- pushes ---- */

static guint64
slots_of (GstBuffer * buffer)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (buffer);

  return meta != NULL ? meta->slots : 0;
}

/* How a push ended: was it for lack of memory? */
static gboolean
take_flow (GstCudaMemGuard * self, GstBuffer * buffer, GstFlowReturn flow)
{
  gboolean oom;

  GST_OBJECT_LOCK (self);
  self->pushing = FALSE;
  oom = flow == FLOW_OOM
      || (self->reported && flow != GST_FLOW_FLUSHING && flow != GST_FLOW_EOS);
  if (oom) {
    self->stats.ooms++;
    self->stats.slots_since_sample = 0; /* a peak now is not that of a batch that passed */
  } else if (flow == GST_FLOW_OK) {
    self->stats.slots_since_sample = MAX (self->stats.slots_since_sample, slots_of (buffer));
  }
  GST_OBJECT_UNLOCK (self);
  return oom;
}

static void
track (GstCudaMemGuard * self, const GuardSample * before)
{
  GuardSample after;

  cuda_mem_guard_refresh (self, &after);
  GST_OBJECT_LOCK (self);
  guard_stats_take_change (&self->stats, before, &after);
  GST_OBJECT_UNLOCK (self);
}

/* The guard keeps a reference of its own, or there would be nothing to try again. */
static GstFlowReturn
push_once (GstCudaMemGuard * self, GstBuffer * buffer, gboolean * oom)
{
  GuardSample before;
  GstFlowReturn flow;
  gboolean is_tracked;

  GST_OBJECT_LOCK (self);
  is_tracked = self->settings.track;
  GST_OBJECT_UNLOCK (self);
  if (is_tracked)
    cuda_mem_guard_refresh (self, &before);

  GST_OBJECT_LOCK (self);
  self->pushing = TRUE;
  self->reported = FALSE;
  GST_OBJECT_UNLOCK (self);
  flow = gst_pad_push (self->srcpad, gst_buffer_ref (buffer));
  *oom = take_flow (self, buffer, flow);

  if (is_tracked)
    track (self, &before);
  return flow;
}

/* ---- budget ---- */

static gboolean
is_known_to_fail (GstCudaMemGuard * self, GstBuffer * buffer)
{
  gboolean known;

  GST_OBJECT_LOCK (self);
  known = seq_batch_budget_is_known_to_fail (&self->budget, slots_of (buffer));
  GST_OBJECT_UNLOCK (self);
  return known;
}

static void
note_passed (GstCudaMemGuard * self, GstBuffer * buffer, gboolean clean, gboolean by_chance)
{
  guint64 slots = slots_of (buffer);

  if (slots == 0)
    return;
  GST_OBJECT_LOCK (self);
  if (clean)
    seq_batch_budget_clean (&self->budget, slots);
  else if (by_chance)
    seq_batch_budget_passed_again (&self->budget, slots);
  else
    seq_batch_budget_passed (&self->budget, slots);
  GST_OBJECT_UNLOCK (self);
}

static void
note_failed (GstCudaMemGuard * self, GstBuffer * buffer)
{
  guint64 slots = slots_of (buffer);

  if (slots == 0)
    return;
  GST_OBJECT_LOCK (self);
  seq_batch_budget_failed (&self->budget, slots);
  GST_OBJECT_UNLOCK (self);
}

static void
send_budget_event (GstCudaMemGuard * self, guint64 budget)
{
  GstEvent *event;

  event = gst_event_new_custom (GST_EVENT_CUSTOM_UPSTREAM, gst_structure_new ("batch-budget",
          "max-tokens", G_TYPE_UINT64, budget, "max-records", G_TYPE_UINT, 0, NULL));
  if (gst_pad_push_event (self->sinkpad, event))
    GST_INFO_OBJECT (self, "batches of %" G_GUINT64_FORMAT " slots at most (0 = any)", budget);
  else
    GST_INFO_OBJECT (self, "nobody upstream makes smaller batches");
}

/* Tells upstream, when there is something new to tell. Whoever sends looks behind it whether that
 * still holds, or what another thread has sent meanwhile would not be the last that upstream hears. */
static void
send_budget (GstCudaMemGuard * self)
{
  guint64 budget, sent;

  GST_OBJECT_LOCK (self);
  budget = seq_batch_budget_get (&self->budget);
  sent = self->stats.budget;
  if (budget > 0 && sent > 0 && (budget > sent || self->budget.limit == 0)
      && MAX (budget, sent) - MIN (budget, sent) < sent / LEAST_CHANGE)
    budget = sent;
  self->stats.budget = budget;
  GST_OBJECT_UNLOCK (self);

  while (budget != sent) {
    send_budget_event (self, budget);
    sent = budget;
    GST_OBJECT_LOCK (self);
    budget = self->stats.budget;
    GST_OBJECT_UNLOCK (self);
  }
}

/* ---- errors ---- */

gboolean
cuda_mem_guard_is_lost (GstCudaMemGuard * self)
{
  GError *error = NULL;

  if (!guard_device_is_lost (&self->gpu, &error))
    return FALSE;
  GST_ELEMENT_ERROR (self, RESOURCE, FAILED, ("the CUDA context is lost: %s", error->message),
      ("after this error every call fails until the process ends"));
  g_error_free (error);
  return TRUE;
}

static gchar *
dup_name (GstBuffer * batch, guint record)
{
  gchar *name = gst_seq_batch_dup_name (batch, record);
  gchar *valid;

  if (name == NULL)
    return NULL;
  valid = g_utf8_make_valid (name, -1);
  g_free (name);
  return valid;
}

static void
post_skipped (Delivery * delivery, const GstSeqBatchRecord * record, const gchar * name, guint n)
{
  GstCudaMemGuard *self = delivery->guard;
  GstStructure *structure;

  GST_OBJECT_LOCK (self);
  self->stats.skipped += n;
  GST_OBJECT_UNLOCK (self);
  structure = cuda_mem_guard_describe (self, "oom", NULL, FALSE);
  if (record != NULL)
    gst_structure_set (structure, "record", G_TYPE_UINT64, record->id,
        "name", G_TYPE_STRING, name, "tokens", G_TYPE_UINT64, (guint64) record->tokens, NULL);
  gst_structure_set (structure, "records-skipped", G_TYPE_UINT, n, NULL);
  cuda_mem_guard_post (self, structure);
}

/* What the message says of it: a record, with others that it can't be parted from, or a buffer. */
static gchar *
describe_loss (const GstSeqBatchRecord * record, const gchar * name, guint n, gsize size)
{
  gchar *others, *text;

  if (record == NULL)
    return g_strdup_printf ("a buffer of %" G_GSIZE_FORMAT " bytes", size);
  others = n > 1 ? g_strdup_printf (", with %u others that can't be split off,", n - 1) : NULL;
  text = g_strdup_printf ("record %" G_GUINT64_FORMAT " '%s' of %u tokens%s", record->id, name,
      record->tokens, others ? others : "");
  g_free (others);
  return text;
}

static guint
find_longest (const GstSeqBatchMeta * meta, guint first, guint n)
{
  guint longest = first, i;

  for (i = first; i < first + n; i++)
    if (meta->records[i].tokens > meta->records[longest].tokens)
      longest = i;
  return longest;
}

/* @n records from @first on don't fit, and can't be split any more. */
static GstFlowReturn
give_up (Delivery * delivery, guint first, guint n)
{
  GstCudaMemGuard *self = delivery->guard;
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (delivery->batch);
  const GstSeqBatchRecord *record = NULL;
  gchar *name = NULL, *what;
  GuardOnOom on_oom;
  guint longest;

  if (meta != NULL && meta->n_records > 0) {
    if (delivery->n_records == 1)
      n = meta->n_records;
    longest = find_longest (meta, first, n);
    record = &meta->records[longest];
    name = dup_name (delivery->batch, longest);
  }
  what = describe_loss (record, name, n, gst_buffer_get_size (delivery->batch));
  GST_OBJECT_LOCK (self);
  on_oom = self->settings.on_oom;
  GST_OBJECT_UNLOCK (self);

  if (on_oom == GUARD_ON_OOM_SKIP) {
    GST_WARNING_OBJECT (self, "%s does not fit into device memory: skipped", what);
    post_skipped (delivery, record, name, n);
  } else if (record != NULL) {
    GST_ELEMENT_ERROR_WITH_DETAILS (self, RESOURCE, NO_SPACE_LEFT,
        ("%s does not fit into device memory", what), (NULL),
        ("record", G_TYPE_UINT64, record->id, "name", G_TYPE_STRING, name,
            "tokens", G_TYPE_UINT64, (guint64) record->tokens, NULL));
  } else {
    GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT, ("%s does not fit into device memory", what),
        (NULL));
  }
  g_free (what);
  g_free (name);
  return on_oom == GUARD_ON_OOM_SKIP ? GST_FLOW_OK : GST_FLOW_ERROR;
}

/* ---- the ladder ---- */

/* How often is it worth to try the same again? Where as large a batch has passed before, it may be
 * chance. Else a whole batch once, when the trim has helped, or nobody knows and experience does
 * not speak against it; and what can't be halved once in any case. */
static guint
count_chances (Delivery * delivery, GstBuffer * buffer, guint n, gboolean is_last, guint64 freed)
{
  GstCudaMemGuard *self = delivery->guard;
  gboolean has_passed;
  guint64 ooms;

  GST_OBJECT_LOCK (self);
  ooms = self->stats.ooms;
  has_passed = slots_of (buffer) > 0
      && seq_batch_budget_has_passed (&self->budget, slots_of (buffer));
  GST_OBJECT_UNLOCK (self);

  if (is_last)
    return has_passed ? LAST_CHANCES : 1;
  if (has_passed)
    return 1;
  if (n < delivery->n_records || freed == 0)
    return 0;
  return freed != GST_SEQ_MEMORY_UNKNOWN || self->vain_replays < MAX_VAIN_REPLAYS
      || ooms % RETRY_REPLAYS == 0;
}

static void
count_replay (GstCudaMemGuard * self)
{
  GST_OBJECT_LOCK (self);
  self->stats.replays++;
  GST_OBJECT_UNLOCK (self);
}

/* After a failure: wait, trim, try again. @oom is whether it failed in the end. */
static GstFlowReturn
relieve (Delivery * delivery, GstBuffer * buffer, guint n, gboolean is_last, gboolean * oom)
{
  GstCudaMemGuard *self = delivery->guard;
  GstFlowReturn flow = GST_FLOW_OK;
  guint64 freed;
  guint chances;

  if (!delivery->failed)
    cuda_mem_guard_post (self, cuda_mem_guard_describe (self, "oom", NULL, FALSE));
  delivery->failed = TRUE;
  cuda_mem_guard_trim (self, FALSE, &freed);
  if (cuda_mem_guard_is_lost (self)) {
    *oom = FALSE;
    return GST_FLOW_ERROR;
  }
  chances = count_chances (delivery, buffer, n, is_last, freed);
  for (; *oom && chances > 0; chances--) {
    count_replay (self);
    flow = push_once (self, buffer, oom);
    if (n == delivery->n_records && (freed == 0 || freed == GST_SEQ_MEMORY_UNKNOWN))
      self->vain_replays = *oom ? self->vain_replays + 1 : 0;
  }
  if (*oom)
    note_failed (self, buffer);
  else if (flow == GST_FLOW_OK) /* by chance, unless the trim has helped */
    note_passed (self, buffer, FALSE, freed == 0 || freed == GST_SEQ_MEMORY_UNKNOWN);
  return flow;
}

static GstFlowReturn
attempt (Delivery * delivery, GstBuffer * buffer, guint n, gboolean is_last, gboolean * oom)
{
  GstFlowReturn flow = push_once (delivery->guard, buffer, oom);

  if (*oom)
    return relieve (delivery, buffer, n, is_last, oom);
  if (flow == GST_FLOW_OK)
    note_passed (delivery->guard, buffer, n == delivery->n_records, FALSE);
  return flow;
}

/* Records of the first half; 0 when there is no way to halve. A piece of a packed batch must have
 * a token. */
static guint
half_of (Delivery * delivery, guint first, guint n)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (delivery->batch);
  guint from = first, to = first + n;

  if (n < 2)
    return 0;
  if (meta->layout == GST_SEQ_LAYOUT_PACKED) {
    while (from < to && meta->records[from].tokens == 0)
      from++;
    while (to > from && meta->records[to - 1].tokens == 0)
      to--;
    if (to - from < 2)
      return 0;
    return CLAMP (first + n / 2, from + 1, to - 1) - first;
  }
  return n / 2;
}

/* Records from @first on, in order, each once. @again: they were part of what failed. */
static GstFlowReturn
deliver (Delivery * delivery, guint first, guint n, gboolean again)
{
  GstCudaMemGuard *self = delivery->guard;
  gboolean whole = n == delivery->n_records, oom = TRUE, tried;
  guint half = half_of (delivery, first, n);
  GstFlowReturn flow = GST_FLOW_OK;
  GstBuffer *buffer;

  if (whole)
    buffer = gst_buffer_ref (delivery->batch);
  else
    buffer = gst_seq_batch_split (delivery->batch, first, n, delivery->next_piece);
  if (buffer == NULL && half == 0)
    return give_up (delivery, first, n);

  /* what is known to fail, or has no room on the device itself, is split at once */
  tried = buffer != NULL && (half == 0 || !is_known_to_fail (self, buffer));
  if (tried && again)
    count_replay (self);
  if (tried)
    flow = attempt (delivery, buffer, n, half == 0, &oom);
  gst_clear_buffer (&buffer);
  if (!oom) {
    delivery->next_piece++;
    return flow;
  }
  if (half == 0)
    return give_up (delivery, first, n);

  GST_OBJECT_LOCK (self);
  self->stats.splits++;
  GST_OBJECT_UNLOCK (self);
  GST_DEBUG_OBJECT (self, "%u records are split after %u", n, half);
  flow = deliver (delivery, first, half, tried);
  if (flow == GST_FLOW_OK)
    flow = deliver (delivery, first + half, n - half, tried);
  return flow;
}

/* gst_seq_batch_split() says which those are, but only by copying */
static gboolean
can_be_split (GstBuffer * buffer)
{
  GstSeqBatchMeta *meta = gst_buffer_get_seq_batch_meta (buffer);
  guint i;

  if (meta == NULL || meta->n_records < 2 || meta->n_tensors == 0
      || gst_buffer_n_memory (buffer) != meta->n_tensors)
    return FALSE;
  for (i = 0; i < meta->n_tensors; i++)
    if (meta->tensors[i].offset != GST_SEQ_TENSOR_HEADER_SIZE)
      return FALSE;
  return TRUE;
}

GstFlowReturn
cuda_mem_guard_push (GstCudaMemGuard * self, GstBuffer * buffer)
{
  Delivery delivery = { self, buffer, 1, 1, FALSE };
  GstFlowReturn flow;

  GST_OBJECT_LOCK (self);
  seq_batch_budget_begin (&self->budget);
  GST_OBJECT_UNLOCK (self);
  if (can_be_split (buffer))
    delivery.n_records = gst_buffer_get_seq_batch_meta (buffer)->n_records;
  flow = deliver (&delivery, 0, delivery.n_records, FALSE);
  if (delivery.failed && flow == GST_FLOW_OK)
    cuda_mem_guard_post (self, cuda_mem_guard_describe (self, "recovered", NULL, FALSE));
  send_budget (self);
  gst_buffer_unref (buffer);
  return flow;
}

gboolean
cuda_mem_guard_report_oom (GstCudaMemGuard * self)
{
  gboolean pushing;
  guint64 freed;

  GST_OBJECT_LOCK (self);
  pushing = self->pushing;
  if (pushing)
    self->reported = TRUE;
  else
    seq_batch_budget_halve (&self->budget);
  GST_OBJECT_UNLOCK (self);
  if (pushing)
    return TRUE;

  cuda_mem_guard_trim (self, FALSE, &freed);
  send_budget (self);
  return FALSE;
}
