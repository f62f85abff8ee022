/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

/* Marks what gstseq-1.0 exports; everything else in the library is hidden. */
#ifdef __GNUC__
#define GST_SEQ_API __attribute__ ((visibility ("default"))) extern
#else
#define GST_SEQ_API extern
#endif
