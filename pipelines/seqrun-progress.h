/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "seqrun-account.h"

G_BEGIN_DECLS

/* Shows how far a running pipeline is, from its position and duration queries: a bar that is
 * drawn again in place where standard error is a terminal, else a line every few seconds. Needs
 * the default main context. */
typedef struct _SeqrunProgress SeqrunProgress;

SeqrunProgress *seqrun_progress_start (GstElement * pipeline, SeqrunAccount * account);

/* Takes the bar away, so that text can be printed; it comes back with the next tick. */
void seqrun_progress_clear (SeqrunProgress * progress);

/* Ends it; NULL is allowed. */
void seqrun_progress_stop (SeqrunProgress * progress);

G_END_DECLS
