/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include <gst/gst.h>

G_BEGIN_DECLS

/* Counts what arrives at the sinks of a pipeline, by probes of its own, and holds it against what
 * the sources say they gave out. Make it before the pipeline runs, while every element of the
 * description is there; the probes count from any thread. */
typedef struct _SeqrunAccount SeqrunAccount;

SeqrunAccount *seqrun_account_new (GstBin * pipeline);
void seqrun_account_free (SeqrunAccount * account);

/* Records that reached the sink that has most of them; any thread. */
guint64 seqrun_account_get_arrived (SeqrunAccount * account);

/* Prints the `stats` of every element that has them, what each sink got, and the rates over
 * @seconds. Call it at the end, before the pipeline goes to NULL. */
void seqrun_account_print (SeqrunAccount * account, FILE * file, gdouble seconds);

/* Whether every sink got every record that its sources gave out, but for those that a property
 * told an element to leave out. Says on @file where it did not. */
gboolean seqrun_account_check (SeqrunAccount * account, FILE * file);

G_END_DECLS
