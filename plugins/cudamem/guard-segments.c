/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guard-segments.h"

#include <dlfcn.h>
#include <gst/seq/seq.h>

#define NEW_NAME "PYTORCH_ALLOC_CONF"
#define OLD_NAME "PYTORCH_CUDA_ALLOC_CONF"

static gboolean
is_set (const gchar * value)
{
  return value != NULL && *value != '\0';
}

static gboolean
torch_is_loaded (void)
{
  void *torch = dlopen ("libc10_cuda.so", RTLD_LAZY | RTLD_NOLOAD);

  if (torch != NULL)
    dlclose (torch);
  return torch != NULL;
}

static void
merge_environment (GstElement * element)
{
  const gchar *value = g_getenv (NEW_NAME);
  gchar *merged;

  if (!is_set (value))
    value = g_getenv (OLD_NAME);
  merged = gst_seq_merge_expandable_segments (value);

  if (g_strcmp0 (g_getenv (NEW_NAME), merged) != 0)
    g_setenv (NEW_NAME, merged, TRUE);
  if (g_strcmp0 (g_getenv (OLD_NAME), merged) != 0)
    g_setenv (OLD_NAME, merged, TRUE);
  GST_INFO_OBJECT (element, NEW_NAME " and " OLD_NAME " are \"%s\"", merged);
  g_free (merged);

  if (torch_is_loaded ())
    GST_ELEMENT_WARNING (element, RESOURCE, SETTINGS,
        ("expandable-segments comes too late: PyTorch is loaded already."),
        ("libc10_cuda.so is in the process, which has read " NEW_NAME " by now"));
}

void
guard_expand_segments (GstElement * element)
{
  static gsize done = 0;

  if (g_once_init_enter (&done)) {
    merge_environment (element);
    g_once_init_leave (&done, 1);
  }
}
