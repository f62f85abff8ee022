/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/seq/gstseqapi.h>
#include <gst/seq/record.h>
#include <gst/seq/gstseqrecordsmeta.h>
#include <gst/seq/gstseqbatchmeta.h>
#include <gst/seq/gstseqcudamemory.h>
#include <gst/seq/gstseqmemoryprovider.h>
#include <gst/seq/gstseqfunctions.h>
