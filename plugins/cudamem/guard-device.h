/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "device.h"
#include "guard-sources.h"

G_BEGIN_DECLS

/* What the CUDA driver tells cudamemguard of its device, and what it asks of it: memory pools, free
 * and total bytes, to wait, to trim. Without a driver, and for as long as nobody has made a context
 * on the device, it tells nothing: no context is ever made just to look.
 *
 * Pools are the device's default and current one where somebody uses them, those of the registry
 * (pool-registry.h), and those of device memory that passed, which are watched but not trimmed.
 *
 * Any thread may call any function. After an error by which the context is lost nothing is asked
 * any more. */

typedef struct
{
  GMutex lock;                  /* of what follows */
  CudaDevice *device;           /* NULL: no driver */
  gint ordinal;
  gboolean default_used;        /* once somebody has used them, they are watched */
  gboolean current_used;
  GArray *found;                /* of CUmemoryPool */
  GArray *streams;              /* of CUstream: those that an application may capture */
  CUresult lost;                /* the error after which the context is gone */
  const gchar *lost_in;         /* the function that said so */
} GuardDevice;

void guard_device_init (GuardDevice * self);
void guard_device_clear (GuardDevice * self);

/* Opens the driver, where there is one; else says why not in the log of @element. */
void guard_device_open (GuardDevice * self, GstElement * element, gint ordinal);
void guard_device_close (GuardDevice * self);

/* Adds what @sample doesn't know from better sources */
void guard_device_sample (GuardDevice * self, GuardSample * sample);

/* Is a stream being captured into a CUDA graph? Nothing must be waited for or trimmed then. */
gboolean guard_device_is_capturing (GuardDevice * self);

/* Waits for all work of the context */
void guard_device_synchronize (GuardDevice * self);

/* Leaves @keep bytes in each pool that is not somebody else's. Returns the bytes given back,
 * GST_SEQ_MEMORY_UNKNOWN where there is no such pool. */
guint64 guard_device_trim (GuardDevice * self, guint64 keep);

void guard_device_reset_peak (GuardDevice * self);

/* Watches the pool of the memory of @buffer, if that is device memory, instead of those found
 * before */
void guard_device_find_pool (GuardDevice * self, GstBuffer * buffer);

/* The stream has ended: whose pools those are may destroy them */
void guard_device_forget_pools (GuardDevice * self);

/* FALSE when the stream is there already, or is not */
gboolean guard_device_add_stream (GuardDevice * self, CUstream stream);
gboolean guard_device_remove_stream (GuardDevice * self, CUstream stream);

/* Is the context lost? Then @error says by what. */
gboolean guard_device_is_lost (GuardDevice * self, GError ** error);

G_END_DECLS
