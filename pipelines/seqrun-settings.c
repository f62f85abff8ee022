/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Arguments of the form element.property=value: they change a description without an edit. */

#include "seqrun-settings.h"

#include <string.h>

gboolean
seqrun_is_setting (const gchar * argument)
{
  return g_regex_match_simple ("^[A-Za-z][A-Za-z0-9_+-]*\\.[A-Za-z][A-Za-z0-9_:+-]*=", argument,
      0, 0);
}

/* All elements of the pipeline, those in bins too, sources first. */
static GPtrArray *
list_elements (GstBin * bin)
{
  GPtrArray *elements = g_ptr_array_new_with_free_func (gst_object_unref);
  GstIterator *iterator = gst_bin_iterate_recurse (bin);
  GValue item = G_VALUE_INIT;
  GstIteratorResult result;

  while ((result = gst_iterator_next (iterator, &item)) != GST_ITERATOR_DONE) {
    if (result == GST_ITERATOR_OK) {
      g_ptr_array_insert (elements, 0, g_value_dup_object (&item));
      g_value_reset (&item);
    } else if (result == GST_ITERATOR_RESYNC) {
      g_ptr_array_set_size (elements, 0);
      gst_iterator_resync (iterator);
    } else {
      break;
    }
  }
  g_value_unset (&item);
  gst_iterator_free (iterator);
  return elements;
}

static gboolean
is_of_factory (GstElement * element, const gchar * name)
{
  GstElementFactory *factory = gst_element_get_factory (element);

  return factory && g_str_equal (GST_OBJECT_NAME (factory), name);
}

static gchar *
describe_elements (GPtrArray * elements)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < elements->len; i++) {
    GstElement *element = g_ptr_array_index (elements, i);
    GstElementFactory *factory = gst_element_get_factory (element);

    g_string_append_printf (text, "%s%s (%s)", i > 0 ? ", " : "", GST_OBJECT_NAME (element),
        factory ? GST_OBJECT_NAME (factory) : G_OBJECT_TYPE_NAME (element));
  }
  return g_string_free (text, FALSE);
}

/* Names come first: a description may call its seqsort `batch`. */
static GstElement *
find_element (GstBin * pipeline, const gchar * name, GError ** error)
{
  GPtrArray *elements = list_elements (pipeline);
  GstElement *found = gst_bin_get_by_name (pipeline, name);
  guint n_matches = 0;
  gchar *list;

  if (found)
    goto out;
  for (guint i = 0; i < elements->len; i++) {
    if (!is_of_factory (g_ptr_array_index (elements, i), name))
      continue;
    n_matches++;
    gst_object_replace ((GstObject **) & found, g_ptr_array_index (elements, i));
  }
  if (n_matches == 1)
    goto out;
  gst_clear_object (&found);
  list = describe_elements (elements);
  g_set_error (error, GST_PARSE_ERROR, GST_PARSE_ERROR_NO_SUCH_ELEMENT,
      n_matches == 0 ? "no element '%s' in the pipeline; there are: %s" :
      "more than one element is a '%s', so use its name; there are: %s", name, list);
  g_free (list);
out:
  g_ptr_array_unref (elements);
  return found;
}

static gboolean
is_settable (GParamSpec * pspec)
{
  return (pspec->flags & G_PARAM_WRITABLE) && !(pspec->flags & G_PARAM_CONSTRUCT_ONLY);
}

/* What can be set on @object, without what every element has. */
static gchar *
describe_properties (GObject * object)
{
  GString *text = g_string_new (NULL);
  guint n = 0;
  GParamSpec **pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n);

  for (guint i = 0; i < n; i++)
    if (is_settable (pspecs[i]) && pspecs[i]->owner_type != GST_TYPE_OBJECT)
      g_string_append_printf (text, "%s%s", text->len > 0 ? ", " : "", pspecs[i]->name);
  g_free (pspecs);
  return g_string_free (text, FALSE);
}

static gchar *
describe_children (GObject * object)
{
  GString *text = g_string_new (NULL);
  GstChildProxy *proxy = GST_IS_CHILD_PROXY (object) ? GST_CHILD_PROXY (object) : NULL;
  guint n = proxy ? gst_child_proxy_get_children_count (proxy) : 0;

  for (guint i = 0; i < n; i++) {
    GObject *child = gst_child_proxy_get_child_by_index (proxy, i);

    if (child)
      g_string_append_printf (text, "%s%s::", i > 0 ? ", " : "", GST_OBJECT_NAME (child));
    g_clear_object (&child);
  }
  if (text->len > 0)
    g_string_prepend (text, "; children: ");
  return g_string_free (text, FALSE);
}

/* The object, with a reference, that has the property; @name may lead through children. */
static GObject *
find_property (GstElement * element, const gchar * name, GParamSpec ** pspec, GError ** error)
{
  GObject *target = NULL;
  gchar *properties, *children;

  *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (element), name);
  if (*pspec)
    target = g_object_ref (G_OBJECT (element));
  else if (GST_IS_CHILD_PROXY (element))
    gst_child_proxy_lookup (GST_CHILD_PROXY (element), name, &target, pspec);
  if (target && is_settable (*pspec))
    return target;

  properties = describe_properties (G_OBJECT (element));
  children = describe_children (G_OBJECT (element));
  g_set_error (error, GST_PARSE_ERROR, GST_PARSE_ERROR_NO_SUCH_PROPERTY,
      target ? "property '%s' of element '%s' can't be set; these can: %s%s" :
      "no property '%s' in element '%s'; there are: %s%s", name, GST_OBJECT_NAME (element),
      properties, children);
  g_free (properties);
  g_free (children);
  g_clear_object (&target);
  return NULL;
}

static gchar *
describe_values (GParamSpec * pspec)
{
  GString *text = g_string_new (NULL);

  if (G_IS_PARAM_SPEC_ENUM (pspec)) {
    GEnumClass *klass = G_PARAM_SPEC_ENUM (pspec)->enum_class;

    for (guint i = 0; i < klass->n_values; i++)
      g_string_append_printf (text, "%s%s", i > 0 ? ", " : "; there are: ",
          klass->values[i].value_nick);
  } else {
    g_string_append_printf (text, " (%s: %s)", g_type_name (pspec->value_type),
        g_param_spec_get_blurb (pspec));
  }
  return g_string_free (text, FALSE);
}

static gboolean
parse_value (GParamSpec * pspec, const gchar * text, GValue * value)
{
  g_value_init (value, pspec->value_type);
  if (pspec->value_type == G_TYPE_STRING) {
    g_value_set_string (value, text);   /* as it stands: file names need no quotes */
    return TRUE;
  }
  /* gst_value_deserialize() takes -1 for the highest unsigned number */
  if (text[0] == '-' && (G_IS_PARAM_SPEC_UINT (pspec) || G_IS_PARAM_SPEC_UINT64 (pspec)))
    return FALSE;
  /* g_param_value_validate() bends what is out of range, and says that it did */
  return gst_value_deserialize_with_pspec (value, text, pspec)
      && !g_param_value_validate (pspec, value);
}

gboolean
seqrun_apply_setting (GstBin * pipeline, const gchar * setting, GError ** error)
{
  const gchar *equals = strchr (setting, '='), *dot = strchr (setting, '.');
  gchar *element_name, *property, *values;
  GstElement *element = NULL;
  GObject *target = NULL;
  GParamSpec *pspec;
  GValue value = G_VALUE_INIT;
  gboolean done = FALSE;

  g_return_val_if_fail (equals && dot && dot < equals, FALSE);

  element_name = g_strndup (setting, dot - setting);
  property = g_strndup (dot + 1, equals - dot - 1);
  if (!(element = find_element (pipeline, element_name, error)))
    goto out;
  if (!(target = find_property (element, property, &pspec, error)))
    goto out;
  if (parse_value (pspec, equals + 1, &value)) {
    g_object_set_property (target, pspec->name, &value);
    done = TRUE;
  } else {
    values = describe_values (pspec);
    g_set_error (error, GST_PARSE_ERROR, GST_PARSE_ERROR_COULD_NOT_SET_PROPERTY,
        "'%s' is no value for %s.%s%s", equals + 1, element_name, property, values);
    g_free (values);
  }

out:
  if (G_VALUE_TYPE (&value))
    g_value_unset (&value);
  g_clear_object (&target);
  gst_clear_object (&element);
  g_free (property);
  g_free (element_name);
  return done;
}
