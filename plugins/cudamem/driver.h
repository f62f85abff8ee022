/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "cuda-abi.h"

G_BEGIN_DECLS

/* The CUDA driver of this process, libcuda.so.1. It is loaded when it is asked for first, never
 * when the plugin is, and stays loaded. Any thread may call any function. */

/* The driver's functions, without their prefix `cu`, and its version (12040 = 12.4). */
typedef struct
{
#define CUDA_DECLARE(required, name, suffix, prototype) CUresult (*name) prototype;
  CUDA_FUNCTIONS (CUDA_DECLARE)
#undef CUDA_DECLARE
  int version;
} CudaDriver;

typedef enum
{
  CUDA_DRIVER_ERROR_MISSING,    /* there is no driver, or one that can't be used: host path */
  CUDA_DRIVER_ERROR_FORKED,     /* this process was forked from one that had used the driver */
  CUDA_DRIVER_ERROR_CALL,       /* a call failed; the message has the name of the error */
  CUDA_DRIVER_ERROR_LOST,       /* a call failed with an error that is sticky, see below */
} CudaDriverError;

#define CUDA_DRIVER_ERROR (cuda_driver_error_quark ())
GQuark cuda_driver_error_quark (void);

/* The driver, loaded and initialised (cuInit), or NULL and why not. What failed once fails in the
 * same way for the rest of the process. After fork() a child gets NULL where its parent had a
 * driver, because CUDA does not survive a fork.
 * The library: environment GST_SEQ_LIBCUDA (a path; not in a set-uid program), else
 * libcuda.so.1. */
const CudaDriver *cuda_driver_get (GError ** error);

/* TRUE in a child forked from a process in which the driver was used: nothing there may call it,
 * not even to let go of something. */
gboolean cuda_driver_is_forked (void);

/* "CUDA_ERROR_OUT_OF_MEMORY", or "CUDA error 4711": names of our own, as the driver may be gone. */
const gchar *cuda_error_name (CUresult result);

/* Errors after which a context is lost, and all its memory with it: 214, 700, 709, 719 and such. */
gboolean cuda_error_is_sticky (CUresult result);

/* Sets @error to "FUNCTION: NAME (number)" and returns FALSE, unless @result is CUDA_SUCCESS. */
gboolean cuda_check (CUresult result, const gchar * function, GError ** error);

G_END_DECLS
