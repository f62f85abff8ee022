/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda.h"
#include "fakecuda-functions.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* The library that the elements have loaded or will load; it stays open */
static void *
open_library (void)
{
  const char *path = secure_getenv ("GST_SEQ_LIBCUDA");
  void *library;

  if (path == NULL || *path == '\0')
    path = "libcuda.so.1";
  library = dlopen (path, RTLD_NOW | RTLD_NOLOAD);
  return library != NULL ? library : dlopen (path, RTLD_NOW);
}

const FakeCuda *
fakecuda_find (void)
{
  void *library = open_library ();

  return library != NULL ? dlsym (library, "fakecuda") : NULL;
}

void
cuda_functions_load (CudaFunctions * functions)
{
  void *library = open_library (), *address;

  memset (functions, 0, sizeof *functions);
  if (library == NULL)
    return;
#define LOAD(required, name, suffix, prototype) \
  address = dlsym (library, "cu" #name #suffix); \
  memcpy (&functions->name, &address, sizeof address);
  CUDA_FUNCTIONS (LOAD)
  FAKECUDA_FUNCTIONS (LOAD)
#undef LOAD
}
