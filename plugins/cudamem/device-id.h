/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* What `device-id` means in every element of this plugin: a number from 0 is taken as it is; -1
 * asks the launcher of the process, which numbers the processes of a host in LOCAL_RANK (torchrun)
 * or SLURM_LOCALID (srun), and is 0 without a launcher. A value there that is no number is
 * skipped with a line in the log of @element. */
gint cudamem_resolve_device_id (GstElement * element, gint device_id);

/* The property itself, the same in every element */
GParamSpec *cudamem_device_id_param_spec (void);

G_END_DECLS
