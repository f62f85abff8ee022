/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-private.h"

#include <string.h>

/* What every call goes through, and the library's symbols. They are resolved at run time (ifunc),
 * so that dlsym() finds none that the configuration leaves out. */

/* Virtual time of a call */
#define CALL_NS 100

typedef enum
{
  NEEDS_CONTEXT,                /* cuInit, and a current context */
  NEEDS_INIT,
  NEEDS_NOTHING,
} Needs;

typedef struct
{
  guint version;                /* in which it came, if after 9.0 */
  Needs needs;
  gboolean is_unsafe;           /* may break another thread's capture */
  gboolean is_release;          /* lets go of something, also where a fault is injected */
} Info;

#define INFO(function, ...) [FAKE_##function] = { __VA_ARGS__ }

static const Info infos[FAKE_N_FUNCTIONS] = {
  INFO (Init, .needs = NEEDS_NOTHING),
  INFO (DriverGetVersion, .needs = NEEDS_NOTHING),
  INFO (GetErrorName, .needs = NEEDS_NOTHING),
  INFO (GetErrorString, .needs = NEEDS_NOTHING),
  INFO (GetProcAddress, .needs = NEEDS_NOTHING, .version = 11030),
  INFO (GetProcAddress_v2, .needs = NEEDS_NOTHING, .version = 12000),
  INFO (DeviceGetCount, .needs = NEEDS_INIT),
  INFO (DeviceGet, .needs = NEEDS_INIT),
  INFO (DeviceGetName, .needs = NEEDS_INIT),
  INFO (DeviceGetAttribute, .needs = NEEDS_INIT),
  INFO (DeviceGetPCIBusId, .needs = NEEDS_INIT),
  INFO (DeviceTotalMem, .needs = NEEDS_INIT),
  INFO (DevicePrimaryCtxRetain, .needs = NEEDS_INIT),
  INFO (DevicePrimaryCtxRelease, .needs = NEEDS_INIT, .version = 11000, .is_release = TRUE),
  INFO (DevicePrimaryCtxReset, .needs = NEEDS_INIT, .version = 11000),
  INFO (DevicePrimaryCtxGetState, .needs = NEEDS_INIT),
  INFO (CtxCreate, .needs = NEEDS_INIT),
  INFO (CtxDestroy, .needs = NEEDS_INIT, .is_release = TRUE),
  INFO (CtxPushCurrent, .needs = NEEDS_INIT),
  INFO (CtxPopCurrent, .needs = NEEDS_INIT, .is_release = TRUE),
  INFO (CtxSetCurrent, .needs = NEEDS_INIT),
  INFO (CtxGetCurrent, .needs = NEEDS_INIT),
  INFO (ThreadExchangeStreamCaptureMode, .needs = NEEDS_INIT, .version = 10010),
  INFO (PointerGetAttribute, .needs = NEEDS_INIT),
  INFO (PointerGetAttributes, .needs = NEEDS_INIT),
  INFO (DeviceGetDefaultMemPool, .needs = NEEDS_INIT, .version = 11020),
  INFO (DeviceGetMemPool, .needs = NEEDS_INIT, .version = 11020),
  INFO (DeviceSetMemPool, .needs = NEEDS_INIT, .version = 11020),
  INFO (MemPoolCreate, .needs = NEEDS_INIT, .version = 11020),
  INFO (MemPoolDestroy, .needs = NEEDS_INIT, .version = 11020, .is_release = TRUE),
  INFO (MemPoolGetAttribute, .needs = NEEDS_INIT, .version = 11020),
  INFO (MemPoolSetAttribute, .needs = NEEDS_INIT, .version = 11020),
  INFO (MemPoolTrimTo, .needs = NEEDS_INIT, .version = 11020),
  INFO (MemAllocAsync, .version = 11020),
  INFO (MemAllocFromPoolAsync, .version = 11020),
  INFO (MemFreeAsync, .version = 11020, .is_release = TRUE),
  INFO (StreamIsCapturing, .version = 10000),
  INFO (LaunchHostFunc, .version = 10000),
  INFO (StreamBeginCapture, .version = 10010),
  INFO (StreamEndCapture, .version = 10000),
  INFO (GraphDestroy, .needs = NEEDS_INIT, .version = 10000, .is_release = TRUE),
  INFO (StreamDestroy, .is_release = TRUE),
  INFO (EventDestroy, .is_release = TRUE),
  INFO (CtxSynchronize, .is_unsafe = TRUE),
  INFO (StreamSynchronize, .is_unsafe = TRUE),
  INFO (StreamQuery, .is_unsafe = TRUE),
  INFO (EventQuery, .is_unsafe = TRUE),
  INFO (EventSynchronize, .is_unsafe = TRUE),
  INFO (MemAlloc, .is_unsafe = TRUE),
  INFO (MemFree, .is_unsafe = TRUE, .is_release = TRUE),
  INFO (MemHostAlloc, .is_unsafe = TRUE),
  INFO (MemFreeHost, .is_unsafe = TRUE, .is_release = TRUE),
  INFO (MemHostRegister, .is_unsafe = TRUE),
  INFO (MemHostUnregister, .is_unsafe = TRUE, .is_release = TRUE),
  INFO (MemcpyHtoD, .is_unsafe = TRUE),
  INFO (MemcpyDtoH, .is_unsafe = TRUE),
};

static const struct
{
  const gchar *name, *base;
} names[FAKE_N_FUNCTIONS] = {
#define NAME(required, function, suffix, prototype) { "cu" #function #suffix, #function },
  CUDA_FUNCTIONS (NAME)
  FAKECUDA_FUNCTIONS (NAME)
#undef NAME
  { "the test's kernel", "LaunchKernel" },
};

FakeState fake;
GMutex fake_mutex;

/* ---- names ---- */

const gchar *
fake_function_name (FakeFunction function)
{
  return names[function].name;
}

FakeFunction
fake_function_find (const gchar * name)
{
  guint i;

  for (i = 0; i < FAKE_N_FUNCTIONS; i++)
    if (g_str_equal (name, names[i].base) || g_str_equal (name, names[i].name)
        || (g_str_has_prefix (name, "cu") && g_str_equal (name + 2, names[i].base)))
      break;
  return i;
}

gboolean
fake_has (FakeFunction function)
{
  fake_start ();
  return infos[function].version <= fake.config.version && (fake.config.missing == NULL
      || !g_strv_contains ((const gchar * const *) fake.config.missing, names[function].name));
}

/* ---- every call ---- */

void
fake_lock (void)
{
  g_mutex_lock (&fake_mutex);
}

void
fake_unlock (void)
{
  g_mutex_unlock (&fake_mutex);
}

/* Real time, without the lock: others go on meanwhile */
static void
take_time (FakeFunction function)
{
  guint64 us = fake.config.call_us;

  if (function == FAKE_MemGetInfo)
    us += fake.config.meminfo_us;
  if (us > 0)
    g_usleep (us);
}

CUresult
fake_enter (FakeFunction function, gsize size)
{
  const Info *info = &infos[function];
  CUresult fault;

  take_time (function);
  fake_lock ();
  fake.function = function;
  fake.calls[function]++;
  if (fake.is_forked) {
    fake_problem ("called in a forked child");
    return CUDA_ERROR_NOT_INITIALIZED;
  }
  if (fake.host_function_thread != 0 && fake.host_function_thread == fake_thread ()) {
    fake_problem ("called from a host function");
    return CUDA_ERROR_NOT_PERMITTED;
  }
  fake_wait_until (fake.clock + CALL_NS);
  fake.function = function;
  fault = fake_fault (function, size);
  fake.late_fault = info->is_release ? fault : CUDA_SUCCESS;
  if (fault != CUDA_SUCCESS && !info->is_release)
    return fault;
  if (info->needs != NEEDS_NOTHING && !fake.is_initialised) {
    fake_problem ("called before cuInit");
    return CUDA_ERROR_NOT_INITIALIZED;
  }
  if (info->needs == NEEDS_CONTEXT) {
    if (fake_current () == NULL) {
      fake_problem ("no context is current in this thread");
      return CUDA_ERROR_INVALID_CONTEXT;
    }
    if (fake.sticky != CUDA_SUCCESS)
      return fake.sticky;
  }
  return info->is_unsafe && fake.captures->len > 0 ? fake_capture_check_unsafe () : CUDA_SUCCESS;
}

CUresult
fake_leave (CUresult result, const gchar * format, ...)
{
  va_list arguments;

  if (result == CUDA_SUCCESS)
    result = fake.late_fault;
  fake.late_fault = CUDA_SUCCESS;
  if (fake_is_tracing ()) {
    va_start (arguments, format);
    fake_trace (fake.function, result, format, arguments);
    va_end (arguments);
  }
  fake_unlock ();
  return result;
}

/* ---- symbols ---- */

/* Typed resolvers: dlsym() calls them, and finds nothing where they return NULL */
#define EXPORT(required, name, suffix, prototype) \
  G_GNUC_UNUSED static CUresult (*resolve_##name (void)) prototype { \
    return fake_has (FAKE_##name) ? fake_##name : NULL; \
  } \
  __attribute__ ((visibility ("default"), ifunc ("resolve_" #name))) \
      CUresult cu##name##suffix prototype;
CUDA_FUNCTIONS (EXPORT)
FAKECUDA_FUNCTIONS (EXPORT)
#undef EXPORT

/* The function of that base name, in the version that @version has; NULL = none */
static FakeFunction
find_base (const gchar * symbol)
{
  guint i;

  for (i = 0; i < FAKE_N_FUNCTIONS; i++)
    if (g_str_has_prefix (symbol, "cu") && g_str_equal (symbol + 2, names[i].base))
      break;
  if (i == FAKE_GetProcAddress && fake_has (FAKE_GetProcAddress_v2))
    i = FAKE_GetProcAddress_v2;
  return i;
}

static gboolean
copy_address (FakeFunction function, void **address)
{
  switch (function) {
#define CASE(required, name, suffix, prototype) \
    case FAKE_##name: { \
      CUresult (*entry) prototype = fake_##name; \
      memcpy (address, &entry, sizeof *address); \
      return TRUE; \
    }
      CUDA_FUNCTIONS (CASE)
      FAKECUDA_FUNCTIONS (CASE)
#undef CASE
    default:
      return FALSE;
  }
}

static CUresult
get_address (const char *symbol, void **address, int version, int *status)
{
  FakeFunction function;

  if (symbol == NULL || address == NULL || version <= 0)
    return CUDA_ERROR_INVALID_VALUE;
  function = find_base (symbol);
  *address = NULL;
  *status = 1;                  /* there is no such symbol */
  if (function >= FAKE_LaunchKernel || !fake_has (function))
    return CUDA_ERROR_NOT_FOUND;
  *status = 2;                  /* there is, but in a later version */
  if (infos[function].version > (guint) version)
    return CUDA_ERROR_NOT_FOUND;
  *status = 0;
  return copy_address (function, address) ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

CUresult
fake_GetProcAddress (const char *symbol, void **function, int version, uint64_t flags)
{
  CUresult result = fake_enter (FAKE_GetProcAddress, 0);
  int status;

  if (result == CUDA_SUCCESS)
    result = get_address (symbol, function, version, &status);
  return fake_leave (result, "\"symbol\":\"%s\",\"version\":%d", symbol, version);
}

CUresult
fake_GetProcAddress_v2 (const char *symbol, void **function, int version, uint64_t flags,
    CUdriverProcAddressQueryResult * status)
{
  CUresult result = fake_enter (FAKE_GetProcAddress_v2, 0);
  int found = 1;

  if (result == CUDA_SUCCESS)
    result = get_address (symbol, function, version, &found);
  if (status != NULL)
    *status = found;
  return fake_leave (result, "\"symbol\":\"%s\",\"version\":%d", symbol, version);
}
