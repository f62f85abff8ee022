/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_CUDA_MEM_GUARD (gst_cuda_mem_guard_get_type ())
G_DECLARE_FINAL_TYPE (GstCudaMemGuard, gst_cuda_mem_guard, GST, CUDA_MEM_GUARD, GstElement)

GST_ELEMENT_REGISTER_DECLARE (cudamemguard)

G_END_DECLS
