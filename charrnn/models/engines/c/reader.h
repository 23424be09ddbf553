/* The reader: a capsule that owns a model's packed weights and the room for its states.  It reads one symbol on every
   lane, or draws many.  The states themselves belong to the caller: they are read and written back by every call. */
#ifndef CHARRNN_READER_H
#define CHARRNN_READER_H

#include "arguments.h"
#include "sets.h"
#include "stack.h"
#include "threads.h"

static const char READER[] = "charrnn.models.engines.reader";

typedef struct {
    const kernels *set;
    stack stack;
    float *table;    /* (V, G·H): what stack.table points at */
    float *logits;   /* (B, V), room */
    double *weights; /* (up to B threads, V), room */
    ssize *order;    /* the same, room */
    atomic_int busy; /* true while a call uses the room: the calls release the GIL */
} reader;

/* ---- making and freeing --------------------------------------------------------------------------------------- */

static void free_reader(reader *r) {
    if (!r) return;
    for (ssize l = 0; r->stack.layer && l < r->stack.layers; l++) {
        free(r->stack.layer[l].w_in.data);
        free(r->stack.layer[l].w_h.data);
    }
    for (int place = 0; place < 2; place++) {
        free(r->stack.h[place]);
        free(r->stack.c[place]);
    }
    free(r->stack.layer);
    free(r->stack.readout.data);
    free(r->stack.x);
    free(r->table);
    free(r->logits);
    free(r->weights);
    free(r->order);
    free(r);
}

static void free_capsule(PyObject *capsule) { free_reader(PyCapsule_GetPointer(capsule, READER)); }

/* Return zeroed memory of `rows` rows, at least one; NULL if there is none. */
static void *room(ssize rows, ssize row_bytes) { return calloc(rows > 0 ? rows : 1, row_bytes); }

/* Pack the weights of layer l, four items of the tuple; return 0 and set an error if one has the wrong type or size. */
static int pack_layer(reader *r, buffers *all, PyObject *weights, ssize l) {
    static const char *const names[4] = {"w_in", "b_in", "w_h", "b_h"};
    const ssize H = r->stack.H, gates = cells[r->stack.cell].gates;
    const float *part[4] = {NULL, NULL, NULL, NULL};
    for (int i = l ? 0 : 2; i < 4; i++)
        part[i] = take(all, PyTuple_GetItem(weights, 4 * l + i), names[i], 'f', 0, gates, H, i % 2 ? 1 : H, 1);
    if (all->failed) return 0;
    stack_layer *layer = r->stack.layer + l;
    if ((l && !pack_plain(r->set, &layer->w_in, gates * H, H, part[0], part[1])) ||
        !pack_gates(r->set, &layer->w_h, r->stack.cell, H, part[2], part[3])) {
        PyErr_NoMemory();
        return 0;
    }
    return 1;
}

/* Return a reader with all its room, its weights not yet packed; NULL if there is no memory. */
static reader *new_reader(const kernels *set, enum cell cell, ssize B, ssize H, ssize V, ssize layers) {
    const ssize gates = cells[cell].gates;
    reader *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    r->set = set;
    r->stack = (stack){.cell = cell, .B = B, .H = H, .V = V, .layers = layers};
    stack *s = &r->stack;
    int enough = (s->layer = calloc(layers, sizeof *s->layer)) && (s->x = room(B, 4 * gates * H)) &&
                 (r->table = room(V, 4 * gates * H)) && (r->logits = room(B, 4 * V)) &&
                 (r->weights = room(B < MOST_THREADS ? B : MOST_THREADS, sizeof *r->weights * V)) &&
                 (r->order = room(B < MOST_THREADS ? B : MOST_THREADS, sizeof *r->order * V));
    for (int place = 0; enough && place < 2; place++)
        enough = (s->h[place] = room(B, 4 * layers * H)) &&
                 (cells[cell].states == 1 || (s->c[place] = room(B, 4 * layers * H)));
    if (enough) {
        s->table = r->table;
        return r;
    }
    free_reader(r);
    return NULL;
}

static PyObject *make_reader(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *set_name, *cell_name;
    ssize B, H, V, layers;
    PyObject *table, *weights, *readout_w, *readout_b;
    if (!PyArg_ParseTuple(
            args, "ssnnnnOO!OO:reader", &set_name, &cell_name, &B, &H, &V, &layers, &table, &PyTuple_Type, &weights,
            &readout_w, &readout_b
        ))
        return NULL;
    const kernels *set = named_set(set_name);
    int cell = set ? named_cell(cell_name) : -1;
    if (cell < 0 || !sizes_are_sane((ssize[]){B, H, V, layers}, 4)) return NULL;
    if (layers < 1 || H < 1 || V < 1 || PyTuple_Size(weights) != 4 * layers) {
        PyErr_SetString(PyExc_ValueError, "layers, H, V or the number of weights is impossible");
        return NULL;
    }
    buffers all;
    start_buffers(&all);
    const float *rows = take(&all, table, "table", 'f', 0, V, cells[cell].gates, H, 1);
    const float *out_w = take(&all, readout_w, "readout_w", 'f', 0, V, H, 1, 1);
    const float *out_b = take(&all, readout_b, "readout_b", 'f', 0, V, 1, 1, 1);
    reader *r = NULL;
    PyObject *capsule = NULL;
    if (!all.failed) {
        r = new_reader(set, cell, B, H, V, layers);
        int made = r && pack_plain(set, &r->stack.readout, V, H, out_w, out_b);
        if (!made) PyErr_NoMemory();
        for (ssize l = 0; made && l < layers; l++) made = pack_layer(r, &all, weights, l);
        if (made) {
            memcpy(r->table, rows, 4 * V * cells[cell].gates * H);
            capsule = PyCapsule_New(r, READER, free_capsule);
        }
    }
    if (!capsule) free_reader(r);
    release_buffers(&all);
    return capsule;
}

/* ---- what step and draw share --------------------------------------------------------------------------------- */

/* The caller's states (layers, B, H); c: LSTM only. */
typedef struct {
    float *h, *c;
} given_states;

static given_states take_states(buffers *all, const stack *s, PyObject *h, PyObject *c) {
    given_states states = {.h = take(all, h, "h", 'f', 1, s->layers, s->B, s->H, 1)};
    if (cells[s->cell].states > 1) states.c = take(all, c, "c", 'f', 1, s->layers, s->B, s->H, 1);
    else if (!all->failed && c != Py_None) {
        PyErr_Format(PyExc_ValueError, "c: the cell '%s' has no such state; give None", cells[s->cell].name);
        all->failed = 1;
    }
    return states;
}

/* Return 0 and set an error if another call uses the reader; else reserve it for this call. */
static int reserve(reader *r) {
    if (!atomic_exchange(&r->busy, 1)) return 1;
    PyErr_SetString(
        PyExc_RuntimeError, "another call that has not returned uses this reader; make one reader for each thread"
    );
    return 0;
}

static void copy_in(stack *s, given_states given) {
    const size_t bytes = 4 * s->layers * s->B * s->H;
    memcpy(s->h[0], given.h, bytes);
    if (given.c) memcpy(s->c[0], given.c, bytes);
}

static void copy_out(const stack *s, int place, given_states given) {
    const size_t bytes = 4 * s->layers * s->B * s->H;
    memcpy(given.h, s->h[place], bytes);
    if (given.c) memcpy(given.c, s->c[place], bytes);
}

typedef struct {
    const reader *reader;
    const int64_t *symbols; /* of a step: (B,) */
    float *logits;          /* of a step: (B, V) */
    drawing *drawing;       /* NULL for a step */
    thread_barrier barrier;
    int together; /* true: all threads compute every lane, each its share of the matrices; false: each its lanes */
} reader_job;

static void reader_part(void *given, ptrdiff_t part, ptrdiff_t parts) {
    reader_job *job = given;
    const reader *r = job->reader;
    const ssize B = r->stack.B;
    const ssize low = job->together ? 0 : B * part / parts, high = job->together ? B : B * (part + 1) / parts;
    const ssize own = job->together ? 0 : part * r->stack.V;
    const choice_room room = {r->weights + own, r->order + own};
    const ssize of_matrix = job->together ? part : 0, shares = job->together ? parts : 1;
    if (job->drawing) r->set->draw(&r->stack, job->drawing, low, high, of_matrix, shares, &job->barrier, room);
    else r->set->read(&r->stack, job->symbols, job->logits, 0, low, high, of_matrix, shares, &job->barrier);
}

/* A core's own cache: several cores read weights of more than this faster than one core does. */
enum { OWN_CACHE_BYTES = 1 << 20 };

/* Run a job that reads `length` symbols on every lane, without the GIL. */
static void run_reader(reader_job *job, ssize threads, ssize length) {
    const stack *s = &job->reader->stack;
    const double products = 1.0 * cells[s->cell].gates * s->H * s->H * (2 * s->layers - 1) + 1.0 * s->V * s->H;
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    if (threads < 1) threads = 1;
    job->together = s->B < threads && 4 * products > OWN_CACHE_BYTES;
    if (!job->together) threads = worth(threads, s->B, products * length * s->B);
    Py_BEGIN_ALLOW_THREADS
    run_parts(reader_part, job, threads);
    Py_END_ALLOW_THREADS
}

/* ---- step ----------------------------------------------------------------------------------------------------- */

static PyObject *step(PyObject *Py_UNUSED(module), PyObject *args) {
    ssize threads;
    PyObject *capsule, *symbols, *h, *c, *logits;
    if (!PyArg_ParseTuple(args, "OnOOOO:step", &capsule, &threads, &symbols, &h, &c, &logits)) return NULL;
    reader *r = PyCapsule_GetPointer(capsule, READER);
    if (!r) return NULL;
    stack *s = &r->stack;
    buffers all;
    start_buffers(&all);
    reader_job job = {.reader = r};
    job.symbols = take(&all, symbols, "symbols", 'q', 0, s->B, 1, 1, 1);
    job.logits = take(&all, logits, "logits", 'f', 1, s->B, s->V, 1, 1);
    given_states states = take_states(&all, s, h, c);
    int done = !all.failed && rows_in_table(job.symbols, s->B, s->V) && reserve(r);
    if (done) {
        copy_in(s, states);
        run_reader(&job, threads, 1);
        copy_out(s, 1, states);
        atomic_store(&r->busy, 0);
    }
    release_buffers(&all);
    if (!done) return NULL;
    Py_RETURN_NONE;
}

/* ---- draw ----------------------------------------------------------------------------------------------------- */

static int interrupted(void) {
    PyGILState_STATE state = PyGILState_Ensure();
    int raised = PyErr_CheckSignals() != 0;
    PyGILState_Release(state);
    return raised;
}

/* Take draws (length, B), and set the length; it is 0 without lanes. */
static void take_draws(buffers *all, PyObject *draws, ssize B, drawing *d) {
    Py_buffer *view = take_view(all, draws, "draws", 'd', 0);
    if (!view) return;
    d->draws = view->buf;
    d->length = B ? view->len / 8 / B : 0;
    if (d->length * B * 8 == view->len && sizes_are_sane(&d->length, 1)) return;
    if (!PyErr_Occurred())
        PyErr_Format(PyExc_ValueError, "draws: %zd items, not whole rows of %zd lanes", view->len / 8, B);
    all->failed = 1;
}

/* Take the limits of a draw: never (n,) must be symbols, and not all of them. */
static int take_limits(buffers *all, PyObject *never, ssize V, limits *l) {
    Py_buffer *view = take_view(all, never, "never", 'q', 0);
    if (!view) return 0;
    l->never = view->buf;
    l->nevers = view->len / 8;
    if (!rows_in_table(l->never, l->nevers, V)) return 0;
    if (l->temp >= 0 && l->topk >= 1 && l->minp >= 0 && l->minp <= 1 && l->topp > 0) return 1;
    PyErr_SetString(PyExc_ValueError, "temp, topk, minp or topp is impossible");
    return 0;
}

static PyObject *draw(PyObject *Py_UNUSED(module), PyObject *args) {
    ssize threads;
    limits l;
    PyObject *capsule, *h, *c, *draws, *never, *symbols, *nats;
    if (!PyArg_ParseTuple(
            args, "OnOOOdnddOOO:draw", &capsule, &threads, &h, &c, &draws, &l.temp, &l.topk, &l.minp, &l.topp, &never,
            &symbols, &nats
        ))
        return NULL;
    reader *r = PyCapsule_GetPointer(capsule, READER);
    if (!r) return NULL;
    stack *s = &r->stack;
    buffers all;
    start_buffers(&all);
    int done = take_limits(&all, never, s->V, &l);
    drawing d = {.limits = l, .logits = r->logits, .interrupted = interrupted};
    if (done) {
        take_draws(&all, draws, s->B, &d);
        d.symbols = take(&all, symbols, "symbols", 'q', 1, d.length + 1, s->B, 1, 1);
        d.nats = take_if(&all, nats, "nats", 'd', 1, d.length, s->B, 1, 1);
        given_states states = take_states(&all, s, h, c);
        done = !all.failed && rows_in_table(d.symbols, s->B, s->V) && reserve(r);
        if (done) {
            reader_job job = {.reader = r, .drawing = &d};
            copy_in(s, states);
            run_reader(&job, threads, d.length);
            done = !PyErr_Occurred();
            if (done && !atomic_load(&d.nan)) copy_out(s, d.length % 2, states);
            atomic_store(&r->busy, 0);
        }
    }
    release_buffers(&all);
    return done ? PyBool_FromLong(!atomic_load(&d.nan)) : NULL;
}

#endif
