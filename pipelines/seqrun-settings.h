/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* Whether @argument looks like `element.property=value`, so that it is no description. */
gboolean seqrun_is_setting (const gchar * argument);

/* Applies one `element.property=value` to @pipeline, which must not be running. The element is
 * found by its name, or by its factory's name where there is one element of that kind only; a
 * property of a child stands as `element.child::property`. Returns FALSE with @error, which lists
 * what there is, when the element, the property or the value is not one. */
gboolean seqrun_apply_setting (GstBin * pipeline, const gchar * setting, GError ** error);

G_END_DECLS
