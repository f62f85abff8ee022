/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device.h"

#include <gst/gst.h>

#include "numa.h"

struct _CudaDevice
{
  gint references;              /* under `devices_lock` */
  const CudaDriver *driver;
  gint ordinal;
  CUdevice handle;
  gint numa_node;
  gchar name[64];

  GMutex lock;                  /* of what follows */
  CUcontext context;            /* NULL until it is entered first */
};

static GMutex devices_lock;
static GSList *devices;

/* Where this thread is: capture modes to put back, one for each context that was entered */
typedef struct
{
  guint depth;
  CUstreamCaptureMode mode;     /* of the thread, before the first enter */
} Entered;

static GPrivate entered_key = G_PRIVATE_INIT (g_free);

static Entered *
entered (void)
{
  Entered *here = g_private_get (&entered_key);

  if (here == NULL) {
    here = g_new0 (Entered, 1);
    g_private_set (&entered_key, here);
  }
  return here;
}

/* ---- devices ---- */

static gint
find_numa_node (CudaDevice * self)
{
  gchar bus_id[32] = "";

  if (self->driver->DeviceGetPCIBusId == NULL
      || self->driver->DeviceGetPCIBusId (bus_id, sizeof bus_id, self->handle) != CUDA_SUCCESS)
    return -1;
  return cudamem_numa_node_of_pci_device ("/sys", bus_id);
}

static CudaDevice *
device_new (gint ordinal, GError ** error)
{
  const CudaDriver *driver = cuda_driver_get (error);
  CudaDevice *self;
  CUdevice handle;
  gint count = 0;

  if (driver == NULL || !cuda_check (driver->DeviceGetCount (&count), "cuDeviceGetCount", error))
    return NULL;
  if (ordinal < 0 || ordinal >= count) {
    g_set_error (error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_CALL,
        "no device %d; there are %d, from 0", ordinal, count);
    return NULL;
  }
  if (!cuda_check (driver->DeviceGet (&handle, ordinal), "cuDeviceGet", error))
    return NULL;

  self = g_new0 (CudaDevice, 1);
  self->references = 1;
  self->driver = driver;
  self->ordinal = ordinal;
  self->handle = handle;
  g_mutex_init (&self->lock);
  if (driver->DeviceGetName (self->name, sizeof self->name, handle) != CUDA_SUCCESS)
    g_strlcpy (self->name, "unknown", sizeof self->name);
  self->numa_node = find_numa_node (self);
  return self;
}

CudaDevice *
cuda_device_get (gint ordinal, GError ** error)
{
  CudaDevice *device = NULL;
  GSList *item;

  if (cuda_driver_get (error) == NULL)
    return NULL;

  g_mutex_lock (&devices_lock);
  for (item = devices; item != NULL && device == NULL; item = item->next) {
    device = item->data;
    if (device->ordinal == ordinal)
      device->references++;
    else
      device = NULL;
  }
  if (device == NULL) {
    device = device_new (ordinal, error);
    if (device != NULL)
      devices = g_slist_prepend (devices, device);
  }
  g_mutex_unlock (&devices_lock);
  return device;
}

CudaDevice *
cuda_device_ref (CudaDevice * device)
{
  g_mutex_lock (&devices_lock);
  device->references++;
  g_mutex_unlock (&devices_lock);
  return device;
}

void
cuda_device_unref (CudaDevice * device)
{
  gboolean last;

  g_mutex_lock (&devices_lock);
  last = --device->references == 0;
  if (last)
    devices = g_slist_remove (devices, device);
  g_mutex_unlock (&devices_lock);
  if (!last)
    return;

  if (device->context != NULL && !cuda_driver_is_forked ())
    CUDA_RELEASE (device->driver->DevicePrimaryCtxRelease (device->handle));
  g_mutex_clear (&device->lock);
  g_free (device);
}

const CudaDriver *
cuda_device_driver (const CudaDevice * device)
{
  return device->driver;
}

gint
cuda_device_ordinal (const CudaDevice * device)
{
  return device->ordinal;
}

CUdevice
cuda_device_handle (const CudaDevice * device)
{
  return device->handle;
}

const gchar *
cuda_device_name (const CudaDevice * device)
{
  return device->name;
}

gint
cuda_device_numa_node (const CudaDevice * device)
{
  return device->numa_node;
}

/* ---- context ---- */

gboolean
cuda_device_is_active (CudaDevice * device)
{
  unsigned int flags;
  gint active = 0;

  return !cuda_driver_is_forked ()
      && device->driver->DevicePrimaryCtxGetState (device->handle, &flags, &active) == CUDA_SUCCESS
      && active;
}

static gboolean
retain_context (CudaDevice * device, GError ** error)
{
  CUcontext context = NULL;
  gboolean ok;

  g_mutex_lock (&device->lock);
  ok = device->context != NULL
      || cuda_check (device->driver->DevicePrimaryCtxRetain (&context, device->handle),
      "cuDevicePrimaryCtxRetain", error);
  if (context != NULL)
    device->context = context;
  g_mutex_unlock (&device->lock);
  return ok;
}

/* Without it, a call that allocates, frees or synchronises would invalidate a capture that
 * another thread has begun in the mode "global". */
static void
exchange_capture_mode (CudaDevice * device, CUstreamCaptureMode * mode)
{
  if (device->driver->ThreadExchangeStreamCaptureMode != NULL)
    device->driver->ThreadExchangeStreamCaptureMode (mode);
}

gboolean
cuda_device_enter (CudaDevice * device, GError ** error)
{
  Entered *here = entered ();

  if (cuda_driver_get (error) == NULL || !retain_context (device, error)
      || !cuda_check (device->driver->CtxPushCurrent (device->context), "cuCtxPushCurrent", error))
    return FALSE;
  if (here->depth++ == 0) {
    here->mode = CU_STREAM_CAPTURE_MODE_RELAXED;
    exchange_capture_mode (device, &here->mode);
  }
  return TRUE;
}

void
cuda_device_leave (CudaDevice * device)
{
  Entered *here = entered ();
  CUcontext context;

  if (--here->depth == 0)
    exchange_capture_mode (device, &here->mode);
  CUDA_RELEASE (device->driver->CtxPopCurrent (&context));
}

gboolean
cuda_device_enter_to_release (CudaDevice * device)
{
  return cuda_device_enter (device, NULL) || cuda_device_enter (device, NULL);
}

gboolean
cuda_device_is_capturing (CudaDevice * device)
{
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  CUresult result = device->driver->StreamIsCapturing (NULL, &status);

  return result == CUDA_ERROR_STREAM_CAPTURE_IMPLICIT
      || (result == CUDA_SUCCESS && status != CU_STREAM_CAPTURE_STATUS_NONE);
}
