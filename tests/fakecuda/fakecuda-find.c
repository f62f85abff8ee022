/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda.h"

#include <dlfcn.h>
#include <stdlib.h>

const FakeCuda *
fakecuda_find (void)
{
  const char *path = secure_getenv ("GST_SEQ_LIBCUDA");
  void *library;

  if (path == NULL || *path == '\0')
    path = "libcuda.so.1";
  library = dlopen (path, RTLD_NOW | RTLD_NOLOAD);
  if (library == NULL)
    library = dlopen (path, RTLD_NOW);
  return library != NULL ? dlsym (library, "fakecuda") : NULL;
}
