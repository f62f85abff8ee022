/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "device.h"

G_BEGIN_DECLS

/* What the programs of this folder share. Each prints rows of the table in README.md, and exits 77
 * with one line of reason where the driver can't be used. Any driver will do that GST_SEQ_LIBCUDA
 * names or the system has; the first row says which one it was. */

#define MIB (G_GUINT64_CONSTANT (1) << 20)

#define EXIT_SKIP 77

/* Device 0, or exits with 77 */
CudaDevice *figures_open_device (void);

/* One row. It is written at once, so that what was measured stays if a later step hangs. */
void figures_row (const gchar * figure, const gchar * format, ...) G_GNUC_PRINTF (2, 3);

/* The program ends with an error if a call fails that a figure needs. */
#define CHECK(call) figures_check (call, #call)
void figures_check (CUresult result, const gchar * call);

/* The middle one of @n times; sorts them. */
gint64 figures_median (gint64 * times, guint n);

/* Ns since some moment; g_get_monotonic_time() has microseconds only */
gint64 figures_now (void);

G_END_DECLS
