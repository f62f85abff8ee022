/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* Adds `expandable_segments:True` to PYTORCH_ALLOC_CONF and PYTORCH_CUDA_ALLOC_CONF; torch's
 * versions differ in which of them they read, so both are set to the same string. It is made from
 * the one that is set, PYTORCH_ALLOC_CONF where both are. Done once a process, in the first call.
 *
 * setenv() is not safe while other threads read the environment, so this is only for programs
 * that ask for it, early. Posts a warning from @element when torch's allocator is loaded already,
 * because it has read its settings by then. */
void guard_expand_segments (GstElement * element);

G_END_DECLS
