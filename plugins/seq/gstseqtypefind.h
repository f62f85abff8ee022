/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* Finds text/x-fasta and text/x-fastq by content. */
GST_TYPE_FIND_REGISTER_DECLARE (seqfasta)
GST_TYPE_FIND_REGISTER_DECLARE (seqfastq)

G_END_DECLS
