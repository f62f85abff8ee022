/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-private.h"

#include <string.h>

/* Devices, their contexts, and what each thread has current */

#define MAX_STACK 64

typedef struct
{
  FakeContext *context;
  gboolean is_pushed;           /* so it has to be popped; cuCtxSetCurrent needs no end */
} Entry;

typedef struct
{
  guint generation;             /* of the configuration that the rest belongs to */
  guint number;                 /* in order of first calls, from 1 */
  guint depth;
  Entry stack[MAX_STACK];
  CUstreamCaptureMode mode;
} Thread;

/* A context that a thread has pushed and not popped when it ends stays in n_pushed. */
static Thread *
this_thread (void)
{
  static __thread Thread thread;

  if (thread.generation != fake.generation) {
    thread.generation = fake.generation;
    thread.number = ++fake.n_threads;
    thread.depth = 0;
    thread.mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  }
  return &thread;
}

guint
fake_thread (void)
{
  return this_thread ()->number;
}

CUstreamCaptureMode *
fake_capture_mode (void)
{
  return &this_thread ()->mode;
}

FakeContext *
fake_current (void)
{
  Thread *thread = this_thread ();
  FakeContext *context = thread->depth > 0 ? thread->stack[thread->depth - 1].context : NULL;

  if (context != NULL && !context->object.is_alive) {
    fake_problem ("context %u, which is current, is destroyed", context->object.number);
    return NULL;
  }
  return context;
}

/* ---- devices ---- */

void
fake_devices_init (void)
{
  guint i;

  fake.devices = g_new0 (FakeDevice, fake.config.n_devices);
  for (i = 0; i < fake.config.n_devices; i++) {
    FakeDevice *device = &fake.devices[i];

    device->ordinal = (gint) i;
    device->engines[0] = g_array_new (FALSE, FALSE, sizeof (FakeInterval));
    device->engines[1] = g_array_new (FALSE, FALSE, sizeof (FakeInterval));
    fake_space_init (device);
    fake_pool_init_default (device);
  }
}

void
fake_devices_free (void)
{
  guint i;

  for (i = 0; i < fake.config.n_devices; i++) {
    FakeDevice *device = &fake.devices[i];

    g_array_unref (device->engines[0]);
    g_array_unref (device->engines[1]);
    fake_space_free (device);
  }
  g_clear_pointer (&fake.devices, g_free);
}

FakeDevice *
fake_device (CUdevice device)
{
  if (device >= 0 && (guint) device < fake.config.n_devices)
    return &fake.devices[device];
  fake_problem ("there is no device %d", device);
  return NULL;
}

CUresult
fake_Init (unsigned int flags)
{
  CUresult result = fake_enter (FAKE_Init, 0);

  if (result == CUDA_SUCCESS && flags != 0)
    result = CUDA_ERROR_INVALID_VALUE;
  if (result == CUDA_SUCCESS)
    result = fake.config.init;
  if (result == CUDA_SUCCESS && fake.config.n_devices == 0)
    result = CUDA_ERROR_NO_DEVICE;
  if (result == CUDA_SUCCESS)
    fake.is_initialised = TRUE;
  return fake_leave (result, "\"flags\":%u", flags);
}

CUresult
fake_DriverGetVersion (int *version)
{
  CUresult result = fake_enter (FAKE_DriverGetVersion, 0);

  if (result == CUDA_SUCCESS)
    *version = (gint) fake.config.version;
  return fake_leave (result, "%s", "");
}

CUresult
fake_DeviceGetCount (int *count)
{
  CUresult result = fake_enter (FAKE_DeviceGetCount, 0);

  if (result == CUDA_SUCCESS)
    *count = (gint) fake.config.n_devices;
  return fake_leave (result, "%s", "");
}

/* Asking for a device that is not there is how programs find out, so it is no error of use */
CUresult
fake_DeviceGet (CUdevice * device, int ordinal)
{
  CUresult result = fake_enter (FAKE_DeviceGet, 0);

  if (result == CUDA_SUCCESS && (ordinal < 0 || (guint) ordinal >= fake.config.n_devices))
    result = CUDA_ERROR_INVALID_DEVICE;
  if (result == CUDA_SUCCESS)
    *device = ordinal;
  return fake_leave (result, "\"ordinal\":%d", ordinal);
}

CUresult
fake_DeviceGetName (char *name, int size, CUdevice device)
{
  CUresult result = fake_enter (FAKE_DeviceGetName, 0);

  if (result == CUDA_SUCCESS && size <= 0)
    result = CUDA_ERROR_INVALID_VALUE;
  if (result == CUDA_SUCCESS && fake_device (device) == NULL)
    result = CUDA_ERROR_INVALID_DEVICE;
  if (result == CUDA_SUCCESS)
    g_snprintf (name, size, "Fake GPU %d", device);
  return fake_leave (result, "\"device\":%d", device);
}

CUresult
fake_DeviceGetAttribute (int *value, CUdevice_attribute attribute, CUdevice device)
{
  CUresult result = fake_enter (FAKE_DeviceGetAttribute, 0);

  if (result == CUDA_SUCCESS && fake_device (device) == NULL)
    result = CUDA_ERROR_INVALID_DEVICE;
  if (result == CUDA_SUCCESS) {
    if (attribute == CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED)
      *value = fake_has (FAKE_MemPoolCreate);
    else
      result = CUDA_ERROR_INVALID_VALUE;
  }
  return fake_leave (result, "\"attribute\":%d,\"device\":%d", attribute, device);
}

CUresult
fake_DeviceGetPCIBusId (char *id, int size, CUdevice device)
{
  CUresult result = fake_enter (FAKE_DeviceGetPCIBusId, 0);

  if (result == CUDA_SUCCESS && size < 13)
    result = CUDA_ERROR_INVALID_VALUE;
  if (result == CUDA_SUCCESS && fake_device (device) == NULL)
    result = CUDA_ERROR_INVALID_DEVICE;
  if (result == CUDA_SUCCESS)
    g_snprintf (id, size, "FACE:%02X:00.0", device);
  return fake_leave (result, "\"device\":%d", device);
}

CUresult
fake_DeviceTotalMem (size_t *size, CUdevice device)
{
  CUresult result = fake_enter (FAKE_DeviceTotalMem, 0);

  if (result == CUDA_SUCCESS && fake_device (device) == NULL)
    result = CUDA_ERROR_INVALID_DEVICE;
  if (result == CUDA_SUCCESS)
    *size = fake.config.total;
  return fake_leave (result, "\"device\":%d", device);
}

/* ---- contexts ---- */

static void
context_clear (gpointer context)
{
  fake_stream_free_legacy (((FakeContext *) context)->legacy);
}

static FakeContext *
context_new (FakeDevice * device)
{
  FakeContext *context = g_new0 (FakeContext, 1);

  fake_object_add (context, FAKE_CONTEXT, NULL, context_clear);
  context->device = device;
  context->legacy = fake_stream_new_legacy (context);
  return context;
}

/* All that it has goes with it. That may be meant in a reset; where the last user lets go of a
 * context, what is left was leaked. */
static void
context_destroy (FakeContext * context, gboolean is_reset)
{
  FakeRange *range;
  guint n = 0;

  fake_wait_for_context (context);
  while ((range = fake_range_first_of (context)) != NULL) {
    fake_memory_free (range);
    n++;
  }
  n += fake_objects_remove (FAKE_STREAM, context);
  n += fake_objects_remove (FAKE_EVENT, context);
  fake_object_remove (context);
  if (n > 0 && !is_reset && fake.sticky == CUDA_SUCCESS)
    fake_problem ("context %u goes with %u objects that were not freed", context->object.number,
        n);
}

CUresult
fake_DevicePrimaryCtxRetain (CUcontext * context, CUdevice device)
{
  CUresult result = fake_enter (FAKE_DevicePrimaryCtxRetain, 0);
  FakeDevice *self = NULL;

  *context = NULL;
  if (result == CUDA_SUCCESS && (self = fake_device (device)) == NULL)
    result = CUDA_ERROR_INVALID_DEVICE;
  if (result == CUDA_SUCCESS) {
    if (self->primary == NULL)
      self->primary = context_new (self);
    self->retained++;
    *context = fake_handle (self->primary);
  }
  return fake_leave (result, "\"device\":%d", device);
}

CUresult
fake_DevicePrimaryCtxRelease (CUdevice device)
{
  CUresult result = fake_enter (FAKE_DevicePrimaryCtxRelease, 0);
  FakeDevice *self = NULL;

  if (result == CUDA_SUCCESS && (self = fake_device (device)) == NULL)
    result = CUDA_ERROR_INVALID_DEVICE;
  if (result == CUDA_SUCCESS && self->retained == 0) {
    fake_problem ("the primary context of device %d is not retained", device);
    result = CUDA_ERROR_INVALID_CONTEXT;
  }
  if (result == CUDA_SUCCESS && --self->retained == 0 && self->primary != NULL) {
    context_destroy (self->primary, FALSE);
    self->primary = NULL;
  }
  return fake_leave (result, "\"device\":%d", device);
}

/* Who had retained it still has; it is made anew when it is retained next. */
CUresult
fake_DevicePrimaryCtxReset (CUdevice device)
{
  CUresult result = fake_enter (FAKE_DevicePrimaryCtxReset, 0);
  FakeDevice *self = NULL;

  if (result == CUDA_SUCCESS && (self = fake_device (device)) == NULL)
    result = CUDA_ERROR_INVALID_DEVICE;
  if (result == CUDA_SUCCESS && self->primary != NULL) {
    context_destroy (self->primary, TRUE);
    self->primary = NULL;
  }
  return fake_leave (result, "\"device\":%d", device);
}

CUresult
fake_DevicePrimaryCtxGetState (CUdevice device, unsigned int *flags, int *active)
{
  CUresult result = fake_enter (FAKE_DevicePrimaryCtxGetState, 0);
  FakeDevice *self = NULL;

  if (result == CUDA_SUCCESS && (self = fake_device (device)) == NULL)
    result = CUDA_ERROR_INVALID_DEVICE;
  if (result == CUDA_SUCCESS) {
    *flags = 0;
    *active = self->primary != NULL;
  }
  return fake_leave (result, "\"device\":%d", device);
}

static CUresult
push (FakeContext * context, gboolean is_pushed)
{
  Thread *thread = this_thread ();
  Entry entry = { context, is_pushed };

  if (context == NULL)
    return CUDA_ERROR_INVALID_CONTEXT;
  if (thread->depth == MAX_STACK) {
    fake_problem ("%d contexts are pushed in this thread, none popped", MAX_STACK);
    return CUDA_ERROR_INVALID_VALUE;
  }
  thread->stack[thread->depth++] = entry;
  fake.n_pushed += is_pushed;
  return CUDA_SUCCESS;
}

/* The current context; there must be one */
static FakeContext *
pop (void)
{
  Thread *thread = this_thread ();
  Entry *entry = &thread->stack[--thread->depth];

  fake.n_pushed -= entry->is_pushed;
  return entry->context;
}

CUresult
fake_CtxCreate (CUcontext * context, unsigned int flags, CUdevice device)
{
  CUresult result = fake_enter (FAKE_CtxCreate, 0);
  FakeDevice *self = NULL;
  FakeContext *made = NULL;

  if (result == CUDA_SUCCESS && (self = fake_device (device)) == NULL)
    result = CUDA_ERROR_INVALID_DEVICE;
  if (result == CUDA_SUCCESS) {
    made = context_new (self);
    *context = fake_handle (made);
    result = push (made, TRUE);
  }
  return fake_leave (result, "\"flags\":%u,\"device\":%d", flags, device);
}

CUresult
fake_CtxDestroy (CUcontext handle)
{
  CUresult result = fake_enter (FAKE_CtxDestroy, 0);
  FakeContext *context = NULL;

  if (result == CUDA_SUCCESS && (context = fake_object (handle, FAKE_CONTEXT)) == NULL)
    result = CUDA_ERROR_INVALID_CONTEXT;
  if (result == CUDA_SUCCESS && context->device->primary == context) {
    fake_problem ("context %u is a primary context", context->object.number);
    result = CUDA_ERROR_INVALID_CONTEXT;
  }
  if (result == CUDA_SUCCESS) {
    if (fake_current () == context)
      pop ();
    context_destroy (context, FALSE);
  }
  return fake_leave (result, "\"context\":%u", fake_number (handle));
}

CUresult
fake_CtxPushCurrent (CUcontext handle)
{
  CUresult result = fake_enter (FAKE_CtxPushCurrent, 0);

  if (result == CUDA_SUCCESS)
    result = push (fake_object (handle, FAKE_CONTEXT), TRUE);
  return fake_leave (result, "\"context\":%u", fake_number (handle));
}

CUresult
fake_CtxPopCurrent (CUcontext * handle)
{
  CUresult result = fake_enter (FAKE_CtxPopCurrent, 0);
  FakeContext *context = NULL;

  if (result == CUDA_SUCCESS && this_thread ()->depth == 0) {
    fake_problem ("no context is pushed in this thread");
    result = CUDA_ERROR_INVALID_CONTEXT;
  }
  if (result == CUDA_SUCCESS)
    context = pop ();
  if (result == CUDA_SUCCESS && handle != NULL)
    *handle = fake_handle (context);
  return fake_leave (result, "\"context\":%u", context != NULL ? context->object.number : 0);
}

/* Replaces the top of the stack; NULL pops it */
CUresult
fake_CtxSetCurrent (CUcontext handle)
{
  CUresult result = fake_enter (FAKE_CtxSetCurrent, 0);
  FakeContext *context = NULL;

  if (result == CUDA_SUCCESS && handle != NULL
      && (context = fake_object (handle, FAKE_CONTEXT)) == NULL)
    result = CUDA_ERROR_INVALID_CONTEXT;
  if (result == CUDA_SUCCESS) {
    Thread *thread = this_thread ();

    if (context != NULL && thread->depth > 0)
      thread->stack[thread->depth - 1].context = context;
    else if (context != NULL)
      result = push (context, FALSE);
    else if (thread->depth > 0)
      pop ();
  }
  return fake_leave (result, "\"context\":%u", fake_number (handle));
}

CUresult
fake_CtxGetCurrent (CUcontext * handle)
{
  CUresult result = fake_enter (FAKE_CtxGetCurrent, 0);
  FakeContext *context = NULL;

  if (result == CUDA_SUCCESS) {
    context = fake_current ();
    *handle = context != NULL ? fake_handle (context) : NULL;
  }
  return fake_leave (result, "\"context\":%u", context != NULL ? context->object.number : 0);
}

CUresult
fake_CtxGetDevice (CUdevice * device)
{
  CUresult result = fake_enter (FAKE_CtxGetDevice, 0);

  if (result == CUDA_SUCCESS)
    *device = fake_current ()->device->ordinal;
  return fake_leave (result, "%s", "");
}

CUresult
fake_CtxSynchronize (void)
{
  CUresult result = fake_enter (FAKE_CtxSynchronize, 0);

  if (result == CUDA_SUCCESS)
    result = fake_capture_break (NULL, fake_current ());
  if (result == CUDA_SUCCESS) {
    fake_wait_for_context (fake_current ());
    fake_pools_synchronised ();
  }
  return fake_leave (result, "%s", "");
}

/* ---- errors ---- */

static const struct
{
  CUresult result;
  const char *name;
} error_names[] = {
#define NAME(result) { result, #result }
  NAME (CUDA_SUCCESS),
  NAME (CUDA_ERROR_INVALID_VALUE),
  NAME (CUDA_ERROR_OUT_OF_MEMORY),
  NAME (CUDA_ERROR_NOT_INITIALIZED),
  NAME (CUDA_ERROR_NO_DEVICE),
  NAME (CUDA_ERROR_INVALID_DEVICE),
  NAME (CUDA_ERROR_INVALID_CONTEXT),
  NAME (CUDA_ERROR_INVALID_HANDLE),
  NAME (CUDA_ERROR_NOT_FOUND),
  NAME (CUDA_ERROR_NOT_READY),
  NAME (CUDA_ERROR_ILLEGAL_ADDRESS),
  NAME (CUDA_ERROR_LAUNCH_FAILED),
  NAME (CUDA_ERROR_NOT_PERMITTED),
  NAME (CUDA_ERROR_NOT_SUPPORTED),
  NAME (CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED),
  NAME (CUDA_ERROR_STREAM_CAPTURE_INVALIDATED),
  NAME (CUDA_ERROR_STREAM_CAPTURE_IMPLICIT),
  NAME (CUDA_ERROR_UNKNOWN),
#undef NAME
};

static CUresult
find_error_name (CUresult error, const char **name)
{
  guint i;

  *name = NULL;
  for (i = 0; i < G_N_ELEMENTS (error_names); i++)
    if (error_names[i].result == error)
      *name = error_names[i].name;
  return *name != NULL ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult
fake_GetErrorName (CUresult error, const char **name)
{
  CUresult result = fake_enter (FAKE_GetErrorName, 0);

  if (result == CUDA_SUCCESS)
    result = find_error_name (error, name);
  return fake_leave (result, "\"error\":%d", error);
}

/* The same as the name: nothing may depend on a driver's words */
CUresult
fake_GetErrorString (CUresult error, const char **text)
{
  CUresult result = fake_enter (FAKE_GetErrorString, 0);

  if (result == CUDA_SUCCESS)
    result = find_error_name (error, text);
  return fake_leave (result, "\"error\":%d", error);
}
