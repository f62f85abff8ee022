/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "fakecuda.h"
#include "fakecuda-functions.h"

/* The fake driver, inside. All state is under one lock, which every entry point takes with
 * fake_enter() and lets go of with fake_leave(); functions of this header are called in between.
 *
 * Time is virtual. When an operation is put into a stream, all that it must wait for is known, so
 * its end is known too: it stands in the queue at that time and moves its bytes when the clock
 * gets there. What one operation may rely on having happened before is told by stream order,
 * events and what the host has waited for, never by luck: see fake_is_ordered(). */

/* ---- entry points ---- */

typedef enum
{
#define FAKE_ENUM(required, name, suffix, prototype) FAKE_##name,
  CUDA_FUNCTIONS (FAKE_ENUM)
  FAKECUDA_FUNCTIONS (FAKE_ENUM)
#undef FAKE_ENUM
  FAKE_LaunchKernel,            /* kernel() of the control table */
  FAKE_N_FUNCTIONS
} FakeFunction;

#define FAKE_PROTOTYPE(required, name, suffix, prototype) CUresult fake_##name prototype;
CUDA_FUNCTIONS (FAKE_PROTOTYPE)
FAKECUDA_FUNCTIONS (FAKE_PROTOTYPE)
#undef FAKE_PROTOTYPE

/* Name as exported */
const gchar *fake_function_name (FakeFunction function);

/* By name, with or without cu and _v2; FAKE_N_FUNCTIONS where there is none */
FakeFunction fake_function_find (const gchar * name);

/* ---- objects.c ---- */

typedef enum
{
  FAKE_CONTEXT,
  FAKE_STREAM,
  FAKE_EVENT,
  FAKE_POOL,
  FAKE_GRAPH,
  FAKE_N_KINDS
} FakeKind;

typedef struct _FakeContext FakeContext;
typedef struct _FakeDevice FakeDevice;
typedef struct _FakeStream FakeStream;
typedef struct _FakePool FakePool;

/* Handles are numbers that nobody can dereference. The objects stay until the next configure(), so
 * that use after destroy is told from a handle that never was. */
typedef struct
{
  FakeKind kind;
  guint number;                 /* of its kind, from 1; traces have it */
  gboolean is_alive;
  FakeContext *context;         /* that it belongs to; NULL = none */
  GDestroyNotify clear;         /* frees what it has; may be NULL */
} FakeObject;

void fake_object_add (gpointer object, FakeKind kind, FakeContext * context,
    GDestroyNotify clear);
void fake_object_remove (gpointer object);

/* All of @kind that belong to @context (NULL = to any); gone with it */
guint fake_objects_remove (FakeKind kind, FakeContext * context);
void fake_objects_init (void);
void fake_objects_free (void);
gpointer fake_handle (gconstpointer object);

/* NULL, and a problem, where there is no such object, or none any more. Streams and events must
 * belong to the current context. */
gpointer fake_object (gconstpointer handle, FakeKind kind);

/* For traces: number of a handle, 0 = none */
guint fake_number (gconstpointer handle);

typedef struct
{
  guint64 start, end;
} FakeInterval;

struct _FakeDevice
{
  gint ordinal;
  guint8 *addresses;            /* numbers that device pointers are; not accessible */
  guint8 *bytes;                /* the memory behind them */
  gsize space;                  /* of both, in bytes */
  gsize next;                   /* where the next search for space begins */
  GArray *extents;              /* of FakeInterval: addresses in use, by address */
  gsize used;                   /* bytes of memory in use, in pages */
  FakePool *default_pool, *current_pool;
  FakeContext *primary;
  guint retained;
  GArray *engines[2];           /* of FakeInterval of time: copies to the device, and from it */
};

struct _FakeContext
{
  FakeObject object;
  FakeDevice *device;
  FakeStream *legacy;           /* the NULL stream */
};

/* What a stream (or an event) knows to have happened before: what `stream` does up to virtual time
 * `time` */
typedef struct
{
  FakeStream *stream;
  guint64 time;
} FakeSeen;

typedef struct _FakeCapture FakeCapture;

struct _FakeStream
{
  FakeObject object;
  FakeContext *context;
  gboolean is_blocking;         /* waits for the NULL stream, and is waited for */
  guint64 tail;                 /* end of what was put into it last */
  GArray *seen;                 /* of FakeSeen */
  FakeCapture *capture;
};

/* ---- state ---- */

typedef struct
{
  guint n_devices, version;
  gsize total, other_process, oom_above, pin_limit;
  CUresult init;
  gboolean is_init_set;
  guint64 meminfo_us, call_us;
  gdouble h2d_gbps, d2h_gbps, pageable_gbps;
  guint64 alloc_us, free_us;
  gboolean leaks;
  gchar **missing;              /* NULL-terminated, or NULL */
  gchar *trace;
} FakeConfig;

typedef struct
{
  FakeConfig config;
  guint generation;             /* counts configure() */
  gboolean is_initialised;      /* cuInit has succeeded */
  gboolean is_forked;
  FakeFunction function;        /* that is being called */
  guint64 calls[FAKE_N_FUNCTIONS];
  guint64 problems;
  guint64 clock;
  FakeDevice *devices;
  GPtrArray *objects[FAKE_N_KINDS];     /* by number - 1 */
  guint alive[FAKE_N_KINDS];
  guint64 n_memory, n_pinned;
  gsize memory_bytes, pinned_bytes;
  gint n_pushed;                /* contexts on the stacks of all threads */
  guint n_threads;              /* that have called */
  GPtrArray *captures;          /* of FakeCapture, active ones */
  CUresult sticky;
  CUresult late_fault;          /* what the call returns although it does what it is for */
  guint host_function_thread;   /* that runs a host function, 0 = none */
} FakeState;

extern FakeState fake;
extern GMutex fake_mutex;

/* Starts, once, with the environment's configuration */
void fake_start (void);
gboolean fake_has (FakeFunction function);

/* Takes the lock, counts the call, and returns what the call must fail with, if anything: an
 * injected fault, no cuInit, no current context, a capture that it breaks. @size: that the call
 * asks for, 0 = none. */
CUresult fake_enter (FakeFunction function, gsize size);

/* Writes the trace (@format: members of a JSON object), lets go of the lock; returns @result */
CUresult fake_leave (CUresult result, const gchar * format, ...) G_GNUC_PRINTF (2, 3);
void fake_lock (void);
void fake_unlock (void);

/* ---- config.c ---- */

void fake_config_parse (const gchar * text);
void fake_config_clear (void);

/* An injected error of this call, or CUDA_SUCCESS; counts it */
CUresult fake_fault (FakeFunction function, gsize size);

/* ---- checks.c ---- */

void fake_problem (const gchar * format, ...) G_GNUC_PRINTF (1, 2);

/* ---- trace.c ---- */

void fake_trace_open (const gchar * path);
void fake_trace_close (void);
gboolean fake_is_tracing (void);
void fake_trace (FakeFunction function, CUresult result, const gchar * format, va_list arguments)
    G_GNUC_PRINTF (3, 0);

/* ---- context.c ---- */

void fake_devices_init (void);
void fake_devices_free (void);

/* Context of this thread, or NULL */
FakeContext *fake_current (void);
FakeDevice *fake_device (CUdevice device);
guint fake_thread (void);

/* Mode of this thread; points to where it is kept */
CUstreamCaptureMode *fake_capture_mode (void);

/* ---- space.c ---- */

#define FAKE_PAGE ((gsize) 2 << 20)

void fake_space_init (FakeDevice * device);
void fake_space_free (FakeDevice * device);

/* Device memory in whole pages, at addresses that lie together; 0 = there is not enough */
CUdeviceptr fake_space_take (FakeDevice * device, gsize size);
void fake_space_give (FakeDevice * device, CUdeviceptr start, gsize size);
gsize fake_space_left (FakeDevice * device);

/* Bytes that are in use: what there is to read or write behind a device pointer */
guint8 *fake_bytes (CUdeviceptr address);

/* A set of bytes (or of time): intervals that don't touch, by address */
void fake_intervals_add (GArray * intervals, guint64 start, guint64 end);
gboolean fake_intervals_contain (GArray * intervals, guint64 start, guint64 end);

/* ---- ranges.c ---- */

typedef enum
{
  FAKE_RANGE_DEVICE,            /* cuMemAlloc */
  FAKE_RANGE_POOL,
  FAKE_RANGE_PINNED,            /* cuMemHostAlloc */
  FAKE_RANGE_REGISTERED,        /* cuMemHostRegister */
} FakeRangeKind;

/* Memory that an application was given: of a device, or pinned on the host */
typedef struct
{
  gint references;
  guint number;                 /* for traces: in order of allocation */
  FakeRangeKind kind;
  CUdeviceptr start;
  gsize size;
  FakeContext *context;
  FakePool *pool;
  FakeStream *stream;           /* of the pool's: not there before `time` in it */
  guint64 time;
  GArray *valid;                /* of FakeInterval: bytes that were written; of device memory */
  GArray *accesses;             /* of FakeAccess: whose end nobody has waited for, maybe */
} FakeRange;

/* Bytes [start, end) of a range that an operation reads or writes until virtual time `time` */
typedef struct
{
  CUdeviceptr start, end;
  FakeStream *stream;
  guint64 time;
  gboolean is_write;
} FakeAccess;

FakeRange *fake_range_add (FakeRangeKind kind, CUdeviceptr start, gsize size);
FakeRange *fake_range_ref (FakeRange * range);
void fake_range_unref (FakeRange * range);
void fake_range_remove (FakeRange * range);

/* That holds all of [@start, @start + @size); NULL = there is none */
FakeRange *fake_range_find (CUdeviceptr start, gsize size);
FakeRange *fake_range_at (CUdeviceptr start);   /* that begins there */
gboolean fake_range_is_device (const FakeRange * range);

/* Any of a context (NULL = any), or NULL */
FakeRange *fake_range_first_of (FakeContext * context);
guint fake_range_number (CUdeviceptr start);
void fake_ranges_init (void);
void fake_ranges_free (void);

/* ---- memory.c ---- */

/* Frees a range of any kind at once; nothing may be using it */
void fake_memory_free (FakeRange * range);

/* ---- pools.c ---- */

void fake_pool_init_default (FakeDevice * device);

/* Frees that a stream has reached become free memory; unused chunks above each pool's threshold go
 * back, as at a synchronisation */
void fake_pools_synchronised (void);

/* A block goes back at once: nothing may be using it */
void fake_pool_free_now (FakeRange * range);

/* ---- streams.c ---- */

typedef struct _FakeOperation FakeOperation;

/* Work in a stream. Byte ranges that it reads and writes may be of the device or pinned. */
struct _FakeOperation
{
  FakeFunction function;
  FakeStream *stream;
  guint64 end, order;
  void (*run) (FakeOperation * operation);
  CUdeviceptr read, write;
  gsize read_size, write_size;
  FakeRange *read_range, *write_range;
  gboolean is_poisoned;         /* it reads what is not there yet */
  void *host;                   /* pageable memory to write, or staged bytes */
  gboolean owns_host;
  gint fill;
  guint64 *sum;
  CudaHostFunction host_function;
};

enum
{
  FAKE_NO_ENGINE = -1,
  FAKE_ENGINE_TO_DEVICE,
  FAKE_ENGINE_FROM_DEVICE,
};

/* The legacy stream of a new context, and what frees it: it has no handle */
FakeStream *fake_stream_new_legacy (FakeContext * context);
void fake_stream_free_legacy (FakeStream * stream);

/* By handle, in the current context; NULL and a problem where there is none */
FakeStream *fake_stream (CUstream handle);

/* Virtual time of a query, so that polling ends */
#define FAKE_POLL_NS 1000
void fake_streams_init (void);
void fake_streams_free (void);

/* Does what is put into @stream now (NULL: what the host does now) come after what @other does at
 * @time, by order and not by luck? */
gboolean fake_is_ordered (FakeStream * stream, FakeStream * other, guint64 time);

/* Lets @stream wait for what @other does at @time */
void fake_stream_follow (FakeStream * stream, FakeStream * other, guint64 time);

/* What every operation does first: the legacy stream and the blocking ones wait for each other */
void fake_stream_prepare (FakeStream * stream);

/* What is known to have happened: sets of FakeSeen */
void fake_seen_raise (GArray * seen, FakeStream * stream, guint64 time);
void fake_seen_merge (GArray * seen, GArray * other);

/* The host waits until @time for what @seen has and for @stream (may be NULL), and knows then */
void fake_host_wait (FakeStream * stream, guint64 time, GArray * seen);

/* Puts a copy of @operation into its stream; takes over the ranges' references and `host`.
 * Returns its end. */
guint64 fake_stream_add (const FakeOperation * operation, guint64 duration, gint engine);

/* A problem where an operation may still use the range when @stream gets there (NULL: the host);
 * @what: is being done to it */
void fake_check_unused (FakeRange * range, FakeStream * stream, const gchar * what);

/* Lets the clock go on to @time; operations run */
void fake_wait_until (guint64 time);
void fake_wait_for_context (FakeContext * context);

/* ---- copies.c ---- */

CUresult fake_kernel (CUstream stream, uint64_t ns, CUdeviceptr read, uint64_t read_size,
    uint64_t * sum, CUdeviceptr write, uint64_t write_size, int fill);

/* ---- events.c ---- */

void fake_event_clear_captures (FakeCapture * capture);

/* ---- capture.c ---- */

struct _FakeCapture
{
  FakeStream *stream;           /* where it began */
  CUstreamCaptureMode mode;
  guint thread;
  gboolean is_broken;
};

/* What a call that synchronises or allocates does to captures: CUDA_SUCCESS, or 900 */
CUresult fake_capture_check_unsafe (void);

/* Breaks the captures of @stream (NULL: of all in @context): 900 */
CUresult fake_capture_break (FakeStream * stream, FakeContext * context);

/* Before work is put into a stream: 906 for the legacy stream amid a capture, else success */
CUresult fake_capture_check_work (FakeStream * stream);
void fake_captures_init (void);
void fake_captures_free (void);
