/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The action signals of cudamemguard: what an application may ask of it, from any thread and in
 * any state. */
#include "gstcudamemguard-private.h"

#include "pool-registry.h"

static void
add_provider (GstCudaMemGuard * self, GstSeqMemoryProvider * provider)
{
  g_return_if_fail (GST_IS_SEQ_MEMORY_PROVIDER (provider));

  if (!guard_sources_add (&self->sources, provider))
    GST_WARNING_OBJECT (self, "provider %s is there already",
        gst_seq_memory_provider_get_name (provider));
  GST_OBJECT_LOCK (self);
  self->stats.sample_next = 0;
  GST_OBJECT_UNLOCK (self);
}

static void
remove_provider (GstCudaMemGuard * self, GstSeqMemoryProvider * provider)
{
  if (!guard_sources_remove (&self->sources, provider))
    GST_WARNING_OBJECT (self, "no such provider: %p", (gpointer) provider);
}

static void
add_pool (GstCudaMemGuard * self, guint64 handle)
{
  gint device;

  GST_OBJECT_LOCK (self);
  device = self->device;
  GST_OBJECT_UNLOCK (self);
  if (handle == 0 || !cuda_pool_register ((CUmemoryPool) GSIZE_TO_POINTER (handle), device, "pool"))
    GST_WARNING_OBJECT (self, "pool %#" G_GINT64_MODIFIER "x is none, or is there already", handle);
}

static void
remove_pool (GstCudaMemGuard * self, guint64 handle)
{
  if (!cuda_pool_unregister ((CUmemoryPool) GSIZE_TO_POINTER (handle)))
    GST_WARNING_OBJECT (self, "no such pool: %#" G_GINT64_MODIFIER "x", handle);
}

static void
add_stream (GstCudaMemGuard * self, guint64 handle)
{
  if (!guard_device_add_stream (&self->gpu, (CUstream) GSIZE_TO_POINTER (handle)))
    GST_WARNING_OBJECT (self, "stream %#" G_GINT64_MODIFIER "x is there already", handle);
}

static void
remove_stream (GstCudaMemGuard * self, guint64 handle)
{
  if (!guard_device_remove_stream (&self->gpu, (CUstream) GSIZE_TO_POINTER (handle)))
    GST_WARNING_OBJECT (self, "no such stream: %#" G_GINT64_MODIFIER "x", handle);
}

static guint64
trim (GstCudaMemGuard * self)
{
  guint64 freed;

  cuda_mem_guard_trim (self, FALSE, &freed);
  return freed == GST_SEQ_MEMORY_UNKNOWN ? 0 : freed;
}

static GstStructure *
query_stats (GstCudaMemGuard * self)
{
  GuardSample sample;

  cuda_mem_guard_refresh (self, &sample);
  return cuda_mem_guard_describe (self, "stats", NULL, TRUE);
}

static void
reset_peak (GstCudaMemGuard * self)
{
  GuardSample sample;
  gint device;

  GST_OBJECT_LOCK (self);
  device = self->device;
  GST_OBJECT_UNLOCK (self);
  guard_sources_reset_peak (&self->sources, device);
  guard_device_reset_peak (&self->gpu);

  GST_OBJECT_LOCK (self);
  guard_stats_reset_peak (&self->stats);
  GST_OBJECT_UNLOCK (self);
  cuda_mem_guard_refresh (self, &sample);
}

static gboolean
check_memory (GstCudaMemGuard * self, guint64 bytes)
{
  GuardSample sample;

  cuda_mem_guard_refresh (self, &sample);
  /* unknown is the largest of all numbers */
  return sample.memory.free >= bytes;
}

static guint
safe_batch_size (GstCudaMemGuard * self, guint64 model, guint length, gdouble safety)
{
  GuardSample sample;

  cuda_mem_guard_refresh (self, &sample);
  if (sample.memory.free == GST_SEQ_MEMORY_UNKNOWN)
    return 0;
  return gst_seq_safe_batch_size (model, length, sample.memory.free, safety);
}

static guint64
estimate_memory (GstCudaMemGuard * self, guint batch, guint length, guint64 model, guint hidden,
    guint dtype)
{
  return gst_seq_estimate_memory (batch, length, model, hidden, dtype);
}

static guint
suggest_batch_size (GstCudaMemGuard * self, guint n)
{
  const gchar *reason;
  GuardSample sample;
  guint suggested;

  cuda_mem_guard_refresh (self, &sample);
  suggested = guard_sample_suggest (&sample, n, &reason);
  GST_INFO_OBJECT (self, "batch size %u instead of %u: %s", suggested, n, reason);
  return suggested;
}

static void
install (GstElementClass * klass, const gchar * name, GCallback handler, GType result,
    guint n_params, ...)
{
  va_list params;
  GClosure *closure = g_cclosure_new (handler, NULL, NULL);

  va_start (params, n_params);
  g_signal_new_valist (name, G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION,
      closure, NULL, NULL, NULL, result, n_params, params);
  va_end (params);
}

void
cuda_mem_guard_install_actions (GstElementClass * klass)
{
  /**
   * GstCudaMemGuard::add-provider:
   * @guard: the element
   * @provider: a #GstSeqMemoryProvider; the guard takes a reference of its own
   *
   * Watches and trims one more allocator. The sizes of all are added up.
   */
  install (klass, "add-provider", G_CALLBACK (add_provider), G_TYPE_NONE, 1,
      GST_TYPE_SEQ_MEMORY_PROVIDER);

  /**
   * GstCudaMemGuard::remove-provider:
   * @guard: the element
   * @provider: one that was added
   *
   * A call of the provider that is going on in another thread is still finished.
   */
  install (klass, "remove-provider", G_CALLBACK (remove_provider), G_TYPE_NONE, 1,
      GST_TYPE_SEQ_MEMORY_PROVIDER);

  /**
   * GstCudaMemGuard::add-pool:
   * @guard: the element
   * @handle: a `CUmemoryPool` of the guard's device
   *
   * Watches and trims a memory pool of the application, from all guards of the device. It must be
   * removed before it is destroyed.
   */
  install (klass, "add-pool", G_CALLBACK (add_pool), G_TYPE_NONE, 1, G_TYPE_UINT64);

  /**
   * GstCudaMemGuard::remove-pool:
   * @guard: the element
   * @handle: one that was added
   *
   * A call that is going on in another thread is finished first.
   */
  install (klass, "remove-pool", G_CALLBACK (remove_pool), G_TYPE_NONE, 1, G_TYPE_UINT64);

  /**
   * GstCudaMemGuard::add-stream:
   * @guard: the element
   * @handle: a `CUstream` in the primary context of the guard's device
   *
   * A stream that the application captures CUDA graphs from. Trims wait until no such capture is
   * going on; those of the legacy stream are seen without this. It must be removed before it is
   * destroyed.
   */
  install (klass, "add-stream", G_CALLBACK (add_stream), G_TYPE_NONE, 1, G_TYPE_UINT64);

  /**
   * GstCudaMemGuard::remove-stream:
   * @guard: the element
   * @handle: one that was added
   */
  install (klass, "remove-stream", G_CALLBACK (remove_stream), G_TYPE_NONE, 1, G_TYPE_UINT64);

  /**
   * GstCudaMemGuard::trim:
   * @guard: the element
   *
   * Trims now, whatever `interval` says, and posts a message; while a CUDA graph is captured, after
   * the next batch.
   *
   * Returns: the bytes given back to the device; 0 also where no source knows
   */
  install (klass, "trim", G_CALLBACK (trim), G_TYPE_UINT64, 0);

  /**
   * GstCudaMemGuard::report-oom:
   * @guard: the element
   *
   * The consumer is out of device memory. While a batch is downstream this says that it is that
   * batch that failed, that nothing came of it, and that the consumer is ready for it to come
   * again, in whole or in pieces, when it has returned. Otherwise caches are trimmed and smaller
   * batches asked for.
   *
   * Returns: whether a batch is downstream, which will be tried again
   */
  install (klass, "report-oom", G_CALLBACK (cuda_mem_guard_report_oom), G_TYPE_BOOLEAN, 0);

  /**
   * GstCudaMemGuard::query-stats:
   * @guard: the element
   *
   * Returns: (transfer full): the `stats` property with a sample taken now
   */
  install (klass, "query-stats", G_CALLBACK (query_stats), GST_TYPE_STRUCTURE, 0);

  /**
   * GstCudaMemGuard::reset-peak:
   * @guard: the element
   *
   * Lets `peak` and the largest changes start again from now, in all providers too.
   */
  install (klass, "reset-peak", G_CALLBACK (reset_peak), G_TYPE_NONE, 0);

  /**
   * GstCudaMemGuard::check-memory:
   * @guard: the element
   * @bytes: bytes that are needed
   *
   * Returns: whether the device has them free; %TRUE also where no source knows what is free
   */
  install (klass, "check-memory", G_CALLBACK (check_memory), G_TYPE_BOOLEAN, 1, G_TYPE_UINT64);

  /**
   * GstCudaMemGuard::safe-batch-size:
   * @guard: the element
   * @model: bytes of the model
   * @length: tokens of the longest sequence, at least 1
   * @safety: fraction of what the model leaves that may be used, 0.8 as a rule
   *
   * gst_seq_safe_batch_size() with the free memory of the device.
   *
   * Returns: sequences in a batch, or 0 as an error: no source knows what is free, or @length is 0
   */
  install (klass, "safe-batch-size", G_CALLBACK (safe_batch_size), G_TYPE_UINT, 3, G_TYPE_UINT64,
      G_TYPE_UINT, G_TYPE_DOUBLE);

  /**
   * GstCudaMemGuard::estimate-memory:
   * @guard: the element
   * @batch: sequences in a batch
   * @length: tokens of the longest sequence
   * @model: bytes of the model
   * @hidden: hidden size of the model
   * @dtype: bytes of a value
   *
   * See gst_seq_estimate_memory().
   *
   * Returns: bytes of device memory
   */
  install (klass, "estimate-memory", G_CALLBACK (estimate_memory), G_TYPE_UINT64, 5, G_TYPE_UINT,
      G_TYPE_UINT, G_TYPE_UINT64, G_TYPE_UINT, G_TYPE_UINT);

  /**
   * GstCudaMemGuard::suggest-batch-size:
   * @guard: the element
   * @n: sequences in a batch now
   *
   * See gst_seq_suggest_batch_size().
   *
   * Returns: sequences in a batch; @n where no source knows allocated and reserved bytes
   */
  install (klass, "suggest-batch-size", G_CALLBACK (suggest_batch_size), G_TYPE_UINT, 1,
      G_TYPE_UINT);
}
