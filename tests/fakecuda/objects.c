/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fakecuda-private.h"

/* Contexts, streams, events, pools and graphs: handles and what they stand for.
 *
 * A handle is 0x5a in the highest byte, which no address on this processor has, then the
 * generation, the kind and the number. */

#define TAG ((guint64) 0x5a << 56)
#define MASK_NUMBER 0xffffffffu

static const gchar *const kind_names[FAKE_N_KINDS] = {
  "context", "stream", "event", "pool", "graph",
};

static void
object_free (gpointer data)
{
  FakeObject *object = data;

  if (object->clear != NULL)
    object->clear (object);
  g_free (object);
}

void
fake_objects_init (void)
{
  guint i;

  for (i = 0; i < FAKE_N_KINDS; i++)
    fake.objects[i] = g_ptr_array_new_with_free_func (object_free);
}

void
fake_objects_free (void)
{
  guint i;

  for (i = 0; i < FAKE_N_KINDS; i++)
    g_clear_pointer (&fake.objects[i], g_ptr_array_unref);
}

void
fake_object_add (gpointer object, FakeKind kind, FakeContext * context, GDestroyNotify clear)
{
  FakeObject *self = object;

  g_ptr_array_add (fake.objects[kind], object);
  self->kind = kind;
  self->number = fake.objects[kind]->len;
  self->is_alive = TRUE;
  self->context = context;
  self->clear = clear;
  fake.alive[kind]++;
}

void
fake_object_remove (gpointer object)
{
  FakeObject *self = object;

  self->is_alive = FALSE;
  fake.alive[self->kind]--;
}

guint
fake_objects_remove (FakeKind kind, FakeContext * context)
{
  guint n = 0, i;

  for (i = 0; i < fake.objects[kind]->len; i++) {
    FakeObject *object = g_ptr_array_index (fake.objects[kind], i);

    if (!object->is_alive || object->context != context)
      continue;
    fake_object_remove (object);
    n++;
  }
  return n;
}

gpointer
fake_handle (gconstpointer object)
{
  const FakeObject *self = object;

  return (gpointer) (guintptr) (TAG | (guint64) (fake.generation & 0xffff) << 40
      | (guint64) (self->kind + 1) << 32 | self->number);
}

guint
fake_number (gconstpointer handle)
{
  return (guintptr) handle & MASK_NUMBER;
}

gpointer
fake_object (gconstpointer handle, FakeKind kind)
{
  guint number = fake_number (handle);
  FakeObject *object = NULL;

  if (number > 0 && number <= fake.objects[kind]->len) {
    object = g_ptr_array_index (fake.objects[kind], number - 1);
    if (fake_handle (object) != handle)
      object = NULL;
  }
  if (object == NULL) {
    fake_problem ("no %s has the handle %p", kind_names[kind], handle);
    return NULL;
  }
  if (!object->is_alive) {
    fake_problem ("%s %u is destroyed", kind_names[kind], number);
    return NULL;
  }
  return object;
}
