/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device-id.h"

static const gchar *const rank_variables[] = { "LOCAL_RANK", "SLURM_LOCALID" };

gint
cudamem_resolve_device_id (GstElement * element, gint device_id)
{
  guint i;

  if (device_id >= 0)
    return device_id;

  for (i = 0; i < G_N_ELEMENTS (rank_variables); i++) {
    const gchar *value = g_getenv (rank_variables[i]);
    guint64 rank = 0;

    if (value == NULL || *value == '\0')
      continue;
    if (g_ascii_string_to_unsigned (value, 10, 0, G_MAXINT, &rank, NULL))
      return (gint) rank;
    GST_WARNING_OBJECT (element, "%s=%s is not the number of a device",
        rank_variables[i], value);
  }
  return 0;
}

GParamSpec *
cudamem_device_id_param_spec (void)
{
  return g_param_spec_int ("device-id", "Device",
      "Ordinal of the GPU, from 0. -1 = auto: environment LOCAL_RANK, then SLURM_LOCALID, else 0. "
      "A change while PAUSED or PLAYING is refused",
      -1, G_MAXINT, -1, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
}
