/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "driver.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include <gst/gst.h>

GST_DEBUG_CATEGORY_STATIC (cuda_driver_debug);
#define GST_CAT_DEFAULT cuda_driver_debug

#define LIBRARY "libcuda.so.1"
#define LIBRARY_VARIABLE "GST_SEQ_LIBCUDA"

G_DEFINE_QUARK (cuda-driver-error-quark, cuda_driver_error)

static CudaDriver driver;
static GError *load_error;
static gint forked;             /* atomic */

/* ---- errors ---- */

const gchar *
cuda_error_name (CUresult result)
{
  static const struct
  {
    CUresult result;
    const gchar *name;
  } names[] = {
#define NAME(result) { result, #result }
    NAME (CUDA_SUCCESS),
    NAME (CUDA_ERROR_INVALID_VALUE),
    NAME (CUDA_ERROR_OUT_OF_MEMORY),
    NAME (CUDA_ERROR_NOT_INITIALIZED),
    NAME (CUDA_ERROR_DEINITIALIZED),
    NAME (CUDA_ERROR_STUB_LIBRARY),
    NAME (CUDA_ERROR_DEVICE_UNAVAILABLE),
    NAME (CUDA_ERROR_NO_DEVICE),
    NAME (CUDA_ERROR_INVALID_DEVICE),
    NAME (CUDA_ERROR_INVALID_CONTEXT),
    NAME (CUDA_ERROR_ECC_UNCORRECTABLE),
    NAME (CUDA_ERROR_OPERATING_SYSTEM),
    NAME (CUDA_ERROR_INVALID_HANDLE),
    NAME (CUDA_ERROR_NOT_FOUND),
    NAME (CUDA_ERROR_NOT_READY),
    NAME (CUDA_ERROR_ILLEGAL_ADDRESS),
    NAME (CUDA_ERROR_CONTEXT_IS_DESTROYED),
    NAME (CUDA_ERROR_LAUNCH_FAILED),
    NAME (CUDA_ERROR_NOT_PERMITTED),
    NAME (CUDA_ERROR_NOT_SUPPORTED),
    NAME (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH),
    NAME (CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED),
    NAME (CUDA_ERROR_STREAM_CAPTURE_INVALIDATED),
    NAME (CUDA_ERROR_STREAM_CAPTURE_IMPLICIT),
    NAME (CUDA_ERROR_UNKNOWN),
#undef NAME
  };
  gchar *text;
  const gchar *name;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i].result == result)
      return names[i].name;

  text = g_strdup_printf ("CUDA error %d", result);
  name = g_intern_string (text);
  g_free (text);
  return name;
}

gboolean
cuda_error_is_sticky (CUresult result)
{
  switch (result) {
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case 220:                  /* NVLINK_UNCORRECTABLE */
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case 702:                  /* LAUNCH_TIMEOUT */
    case CUDA_ERROR_CONTEXT_IS_DESTROYED:
    case 710:                  /* ASSERT */
    case 714:                  /* HARDWARE_STACK_ERROR, ILLEGAL_INSTRUCTION, MISALIGNED_ADDRESS, */
    case 715:                  /* INVALID_ADDRESS_SPACE, INVALID_PC */
    case 716:
    case 717:
    case 718:
    case CUDA_ERROR_LAUNCH_FAILED:
      return TRUE;
    default:
      return FALSE;
  }
}

gboolean
cuda_check (CUresult result, const gchar * function, GError ** error)
{
  if (result == CUDA_SUCCESS)
    return TRUE;
  g_set_error (error, CUDA_DRIVER_ERROR,
      cuda_error_is_sticky (result) ? CUDA_DRIVER_ERROR_LOST : CUDA_DRIVER_ERROR_CALL,
      "%s: %s (%d)", function, cuda_error_name (result), result);
  return FALSE;
}

/* ---- loading ---- */

static void
fork_child (void)
{
  g_atomic_int_set (&forked, TRUE);
}

gboolean
cuda_driver_is_forked (void)
{
  return g_atomic_int_get (&forked);
}

/* A function in the version that our header declares: a plain symbol without suffix may be an
 * older one, and that of the driver's own version a newer one. */
static gpointer
find_function (gpointer library, CudaGetProcAddress get_address, const gchar * name,
    const gchar * symbol)
{
  gpointer function = NULL;

  if (get_address != NULL
      && get_address (name, &function, CUDA_ABI_VERSION, CU_GET_PROC_ADDRESS_DEFAULT,
          NULL) == CUDA_SUCCESS && function != NULL)
    return function;
  return dlsym (library, symbol);
}

/* Every pointer of the table has the same size, whatever it points to */
G_STATIC_ASSERT (sizeof (driver.Init) == sizeof (gpointer));

static gboolean
find_functions (gpointer library, const gchar * path, GError ** error)
{
  gpointer address = dlsym (library, "cuGetProcAddress_v2");
  CudaGetProcAddress get_address = NULL;

  /* POSIX wants dlsym's result copied, not cast */
  if (address != NULL)
    memcpy (&get_address, &address, sizeof address);

#define FIND(required, name, suffix, prototype) \
  address = find_function (library, get_address, "cu" #name, "cu" #name #suffix); \
  if (address != NULL) { \
    memcpy (&driver.name, &address, sizeof address); \
  } else if (required) { \
    g_set_error (error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_MISSING, \
        "%s has no cu" #name #suffix, path); \
    return FALSE; \
  } else { \
    GST_INFO ("%s has no cu" #name #suffix, path); \
  }
  CUDA_FUNCTIONS (FIND)
#undef FIND
  return TRUE;
}

static gboolean
initialise (const gchar * path, GError ** error)
{
  CUresult result = driver.Init (0);

  if (result == CUDA_ERROR_STUB_LIBRARY)
    g_set_error (error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_MISSING,
        "%s is the toolkit's stub, not a driver", path);
  else if (result != CUDA_SUCCESS)
    g_set_error (error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_MISSING, "cuInit: %s (%d)",
        cuda_error_name (result), result);
  else
    return cuda_check (driver.DriverGetVersion (&driver.version), "cuDriverGetVersion", error);
  return FALSE;
}

static void
load (void)
{
  const gchar *path = secure_getenv (LIBRARY_VARIABLE);
  gpointer library;

  GST_DEBUG_CATEGORY_INIT (cuda_driver_debug, "cudadriver", 0, "CUDA driver");
  if (path == NULL || *path == '\0')
    path = LIBRARY;
  library = dlopen (path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    g_set_error (&load_error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_MISSING, "%s", dlerror ());
    return;
  }
  /* It stays open, also after an error: a driver has threads and exit handlers of its own. */
  if (!find_functions (library, path, &load_error))
    return;
  pthread_atfork (NULL, NULL, fork_child);
  if (initialise (path, &load_error))
    GST_INFO ("%s: CUDA %d.%d", path, driver.version / 1000, driver.version % 1000 / 10);
}

const CudaDriver *
cuda_driver_get (GError ** error)
{
  static gsize loaded = 0;

  if (g_once_init_enter (&loaded)) {
    load ();
    g_once_init_leave (&loaded, 1);
  }
  if (cuda_driver_is_forked ())
    g_set_error (error, CUDA_DRIVER_ERROR, CUDA_DRIVER_ERROR_FORKED,
        "this process was forked from one that used CUDA, which can't be used in both");
  else if (load_error != NULL)
    g_set_error (error, load_error->domain, load_error->code, "%s", load_error->message);
  else
    return &driver;
  return NULL;
}
