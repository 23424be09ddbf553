/* charrnn.models.engines._native: the recurrences of charrnn.models.recurrence, close to the processor's limit.

   This file is the Python face: it checks every buffer's type and size before a pointer is handed over, chooses the
   instruction set, and divides the lanes among threads.  The arithmetic is in kernels.h. */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "threads.h"
#include "window.h"

/* The index that `draw` picks from softmax(logits / temp), the likeliest at temp 0; -1 if a logit is not a number, or
   the highest not a finite one. */
static int64_t pick(float *logits, ssize V, double temp, int64_t silent, double draw, double *heights) {
    if (silent >= 0) logits[silent] = -INFINITY;
    ssize best = 0;
    for (ssize v = 0; v < V; v++) {
        if (isnan(logits[v])) return -1;
        if (logits[v] > logits[best]) best = v;
    }
    if (!isfinite(logits[best])) return -1;
    if (temp == 0.0) return best;
    double total = 0.0, highest = logits[best];
    for (ssize v = 0; v < V; v++) heights[v] = total += exp((logits[v] - highest) / temp);
    ssize low = 0, high = V - 1; /* the first height above the draw lies between */
    while (low < high) {
        ssize middle = (low + high) / 2;
        if (heights[middle] > draw * total) high = middle;
        else low = middle + 1;
    }
    return low;
}

/* ---- the kernels of each instruction set ---------------------------------------------------------------------- */

typedef struct {
    const char *name;
    ssize (*padded)(ssize);
    ssize (*pack_size)(packed *);
    void (*pack)(const packed *, const float *, ssize, ssize, const float *);
    void (*forward)(const window *, ssize, ssize);
    void (*backward)(const window_back *, ssize, ssize);
    void (*speak)(speech *, ssize, ssize, ssize, ssize, thread_barrier *, double *);
} kernels;

#define KERNELS(set) \
    { #set, padded_##set, pack_size_##set, pack_##set, forward_##set, backward_##set, speak_##set }

#if defined(__x86_64__)

#define NAME(x) x##_avx512
#define TARGET __attribute__((target("avx512f,avx2,fma")))
#define WIDTH 16
#define TILE 8
#include "kernels.h"
#undef NAME
#undef TARGET
#undef WIDTH
#undef TILE

#define NAME(x) x##_avx2
#define TARGET __attribute__((target("avx2,fma")))
#define WIDTH 8
#define TILE 4
#include "kernels.h"
#undef NAME
#undef TARGET
#undef WIDTH
#undef TILE

#endif

/* What every compiler has: SSE2 on x86, NEON on ARM. */
#define NAME(x) x##_baseline
#define TARGET
#define WIDTH 4
#if defined(__aarch64__)
#define TILE 8
#else
#define TILE 4
#endif
#include "kernels.h"

/* Best first; NULL ends it.  Filled when the module is made, with what this processor has. */
static const kernels *sets[4];

static void find_sets(void) {
    int found = 0;
#if defined(__x86_64__)
    static const kernels avx512 = KERNELS(avx512), avx2 = KERNELS(avx2);
    __builtin_cpu_init();
    int has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (has_avx2 && __builtin_cpu_supports("avx512f")) sets[found++] = &avx512;
    if (has_avx2) sets[found++] = &avx2;
#endif
    static const kernels baseline = KERNELS(baseline);
    sets[found++] = &baseline;
    sets[found] = NULL;
}

/* ---- checked arguments ---------------------------------------------------------------------------------------- */

enum { MOST_BUFFERS = 1024 };

/* The buffers of one call: taken one by one, given back together.  After a first error nothing more is taken. */
typedef struct {
    Py_buffer taken[MOST_BUFFERS];
    int count;
    int failed;
} buffers;

static void give_back(buffers *all) {
    while (all->count) PyBuffer_Release(&all->taken[--all->count]);
}

/* The memory of a C-contiguous array of exactly a·b·c·d items of a type ('f', 'd' or 'q'); NULL after an error. */
static void *take(buffers *all, PyObject *given, const char *name, char type, int writable, ssize a, ssize b, ssize c, ssize d) {
    ssize items = 0, itemsize = type == 'f' ? 4 : 8;
    if (all->failed) return NULL;
    all->failed = 1;
    if (__builtin_mul_overflow(a, b, &items) || __builtin_mul_overflow(items, c, &items) ||
        __builtin_mul_overflow(items, d, &items) || items > PTRDIFF_MAX / 8 || a < 0 || b < 0 || c < 0 || d < 0) {
        PyErr_Format(PyExc_OverflowError, "%s: impossible size %zd x %zd x %zd x %zd", name, a, b, c, d);
        return NULL;
    }
    if (all->count == MOST_BUFFERS) {
        PyErr_SetString(PyExc_ValueError, "too many layers");
        return NULL;
    }
    Py_buffer *view = &all->taken[all->count];
    if (PyObject_GetBuffer(given, view, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS | (writable ? PyBUF_WRITABLE : 0)))
        return NULL;
    all->count++;
    char kind = view->format && view->format[0] && !view->format[1] ? view->format[0] : '?';
    if (kind == 'l' && sizeof(long) == 8) kind = 'q';
    if (kind != type || view->itemsize != itemsize) {
        PyErr_Format(PyExc_TypeError, "%s: items of type '%c', not %s", name, type, view->format ? view->format : "bytes");
        return NULL;
    }
    if (view->len != items * itemsize) {
        PyErr_Format(PyExc_ValueError, "%s: %zd items, not %zd", name, items, view->len / itemsize);
        return NULL;
    }
    all->failed = 0;
    return view->buf;
}

static void *take_if(buffers *all, PyObject *given, const char *name, char type, int writable, ssize a, ssize b, ssize c, ssize d) {
    return given == Py_None ? NULL : take(all, given, name, type, writable, a, b, c, d);
}

/* 0 and an error unless every row is in [0, V). */
static int rows_in_table(const int64_t *rows, ssize n, ssize V) {
    for (ssize i = 0; i < n; i++)
        if (rows[i] < 0 || rows[i] >= V) {
            PyErr_Format(PyExc_IndexError, "row %lld of a table of %zd", (long long)rows[i], V);
            return 0;
        }
    return 1;
}

/* 0 and an error unless every ssize is one that sums and products of sizes can take. */
static int sizes_are_sane(const ssize *sizes, int n) {
    for (int i = 0; i < n; i++)
        if (sizes[i] < 0 || sizes[i] > INT32_MAX) {
            PyErr_Format(PyExc_OverflowError, "impossible size %zd", sizes[i]);
            return 0;
        }
    return 1;
}

static const kernels *named_set(const char *name) {
    for (int i = 0; sets[i]; i++)
        if (!strcmp(sets[i]->name, name)) return sets[i];
    PyErr_Format(PyExc_ValueError, "this processor has no instruction set '%s' that is built in", name);
    return NULL;
}

static int named_cell(const char *name) {
    static const char *const names[CELLS] = {"gru", "lstm", "rnn_tanh", "rnn_relu"};
    for (int i = 0; i < CELLS; i++)
        if (!strcmp(names[i], name)) return i;
    PyErr_Format(PyExc_ValueError, "no cell '%s'", name);
    return -1;
}

/* ---- packed matrices ------------------------------------------------------------------------------------------ */

static int make_packed(const kernels *set, packed *m, const float *w, ssize by_output, ssize by_k, const float *bias) {
    /* A page's alignment, so that no vector crosses a cache line and the system may use large pages. */
    ssize bytes = 4 * set->pack_size(m);
    bytes = (bytes + 4095) / 4096 * 4096;
    m->data = aligned_alloc(4096, bytes ? bytes : 4096);
    if (m->data) set->pack(m, w, by_output, by_k, bias);
    return m->data != NULL;
}

/* The recurrent or another matrix (groups·H, K) with the gates of a unit side by side. */
static int pack_gates(const kernels *set, packed *m, enum cell cell, ssize H, const float *w, const float *bias) {
    ssize gates = gates_of[cell];
    *m = (packed){.outputs = H, .K = H, .groups = gates, .vectors = gates == 1 ? PLAIN : gates};
    return make_packed(set, m, w, H, 1, bias);
}

/* A plain matrix (outputs, K). */
static int pack_plain(const kernels *set, packed *m, ssize outputs, ssize K, const float *w, const float *bias) {
    *m = (packed){.outputs = outputs, .K = K, .groups = 1, .vectors = PLAIN};
    return make_packed(set, m, w, K, 1, bias);
}

/* The transpose of a recurrent matrix (gates·H, H), its gates in the order of d_gates. */
static int pack_transposed(const kernels *set, packed *m, enum cell cell, ssize H, const float *w) {
    ssize gates = gates_of[cell], K = gates * H;
    *m = (packed){.outputs = H, .K = K, .groups = 1, .vectors = PLAIN};
    if (cell != GRU) return make_packed(set, m, w, 1, H, NULL);
    float *turned = malloc(4 * K * H); /* r z q becomes q r z */
    if (!turned) return 0;
    memcpy(turned, w + 2 * H * H, 4 * H * H);
    memcpy(turned + H * H, w, 8 * H * H);
    int made = make_packed(set, m, turned, 1, H, NULL);
    free(turned);
    return made;
}

/* ---- forward and backward: threads take whole lanes ------------------------------------------------------------ */

/* How many threads are worth their making, for so many multiplications. */
static ssize worth(ssize threads, ssize lanes, double products) {
    ssize most = 1 + (ssize)(products / 5e5);
    if (threads > most) threads = most;
    if (threads > lanes) threads = lanes;
    return threads < 1 ? 1 : threads;
}

typedef struct {
    const kernels *set;
    const void *window;
    ssize B;
} window_job;

static void forward_share(void *given, ptrdiff_t part, ptrdiff_t parts) {
    window_job *job = given;
    job->set->forward(job->window, job->B * part / parts, job->B * (part + 1) / parts);
}

static void backward_share(void *given, ptrdiff_t part, ptrdiff_t parts) {
    window_job *job = given;
    job->set->backward(job->window, job->B * part / parts, job->B * (part + 1) / parts);
}

static PyObject *forward(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *set_name, *cell_name;
    ssize threads, T, B, H, V;
    PyObject *x, *rows, *w_h, *b_h, *h, *c, *saved;
    if (!PyArg_ParseTuple(
            args, "ssnnnnnOOOOOOO:forward", &set_name, &cell_name, &threads, &T, &B, &H, &V, &x, &rows, &w_h, &b_h, &h,
            &c, &saved
        ))
        return NULL;
    const kernels *set = named_set(set_name);
    int cell = set ? named_cell(cell_name) : -1;
    if (cell < 0 || !sizes_are_sane((ssize[]){T, B, H, V}, 4)) return NULL;
    ssize gates = gates_of[cell];
    buffers all = {.count = 0};
    window w = {.cell = cell, .T = T, .B = B, .H = H};
    w.rows = take_if(&all, rows, "rows", 'q', 0, T, B, 1, 1);
    w.x = w.rows ? take(&all, x, "x", 'f', 0, V, gates, H, 1) : take(&all, x, "x", 'f', 0, T, B, gates, H);
    const float *weights = take(&all, w_h, "w_h", 'f', 0, gates, H, H, 1);
    const float *bias = take(&all, b_h, "b_h", 'f', 0, gates, H, 1, 1);
    w.h = take(&all, h, "h", 'f', 1, T + 1, B, H, 1);
    w.c = cell == LSTM ? take(&all, c, "c", 'f', 1, T + 1, B, H, 1) : NULL;
    w.saved = planes_of[cell] ? take_if(&all, saved, "saved", 'f', 1, T, B, planes_of[cell], set->padded(H)) : NULL;
    if (!all.failed && w.rows && !rows_in_table(w.rows, T * B, V)) all.failed = 1;
    if (!all.failed && H && !pack_gates(set, &w.w_h, cell, H, weights, bias)) {
        PyErr_NoMemory();
        all.failed = 1;
    }
    if (!all.failed && H) {
        window_job job = {set, &w, B};
        Py_BEGIN_ALLOW_THREADS
        run_parts(forward_share, &job, worth(threads, B, 1.0 * T * B * gates * H * H));
        Py_END_ALLOW_THREADS
    }
    free(w.w_h.data);
    give_back(&all);
    if (all.failed) return NULL;
    Py_RETURN_NONE;
}

static PyObject *backward(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *set_name, *cell_name;
    ssize threads, T, B, H;
    PyObject *h, *c, *saved, *d_outputs, *w_h, *d_gates, *d_h, *d_c;
    if (!PyArg_ParseTuple(
            args, "ssnnnnOOOOOOOO:backward", &set_name, &cell_name, &threads, &T, &B, &H, &h, &c, &saved, &d_outputs,
            &w_h, &d_gates, &d_h, &d_c
        ))
        return NULL;
    const kernels *set = named_set(set_name);
    int cell = set ? named_cell(cell_name) : -1;
    if (cell < 0 || !sizes_are_sane((ssize[]){T, B, H}, 3)) return NULL;
    ssize gates = gates_of[cell];
    buffers all = {.count = 0};
    window_back w = {.cell = cell, .T = T, .B = B, .H = H};
    w.h = take(&all, h, "h", 'f', 0, T + 1, B, H, 1);
    w.c = cell == LSTM ? take(&all, c, "c", 'f', 0, T + 1, B, H, 1) : NULL;
    w.saved = planes_of[cell] ? take(&all, saved, "saved", 'f', 0, T, B, planes_of[cell], set->padded(H)) : NULL;
    w.d_outputs = take(&all, d_outputs, "d_outputs", 'f', 0, T, B, H, 1);
    const float *weights = take(&all, w_h, "w_h", 'f', 0, gates, H, H, 1);
    w.d_gates = take(&all, d_gates, "d_gates", 'f', 1, T, B, d_planes_of[cell], H);
    w.d_h = take(&all, d_h, "d_h", 'f', 1, B, H, 1, 1);
    w.d_c = cell == LSTM ? take(&all, d_c, "d_c", 'f', 1, B, H, 1, 1) : NULL;
    if (!all.failed && H && !pack_transposed(set, &w.w_h, cell, H, weights)) {
        PyErr_NoMemory();
        all.failed = 1;
    }
    if (!all.failed && H) {
        window_job job = {set, &w, B};
        Py_BEGIN_ALLOW_THREADS
        run_parts(backward_share, &job, worth(threads, B, 1.0 * T * B * gates * H * H));
        Py_END_ALLOW_THREADS
    }
    free(w.w_h.data);
    give_back(&all);
    if (all.failed) return NULL;
    Py_RETURN_NONE;
}

/* ---- speak ---------------------------------------------------------------------------------------------------- */

typedef struct {
    const kernels *set;
    speech *w;
    thread_barrier barrier;
    int together; /* every lane by all threads, each its share of the matrices */
    double *heights; /* (threads, V), room */
} speech_job;

static int interrupted(void) {
    PyGILState_STATE state = PyGILState_Ensure();
    int wanted = PyErr_CheckSignals() != 0;
    PyGILState_Release(state);
    return wanted;
}

static void speak_share(void *given, ptrdiff_t part, ptrdiff_t parts) {
    speech_job *job = given;
    speech *w = job->w;
    double *heights = job->heights + part * w->V;
    if (job->together) job->set->speak(w, 0, w->B, part, parts, &job->barrier, heights);
    else job->set->speak(w, w->B * part / parts, w->B * (part + 1) / parts, 0, 1, &job->barrier, heights);
}

/* Weights of more than this leave a core's own cache; then several cores read faster than one. */
enum { OWN_CACHE_BYTES = 1 << 20 };

static PyObject *speak(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *set_name, *cell_name;
    ssize threads, length, B, H, V, layers;
    double temp;
    long long silent;
    PyObject *table, *weights, *readout_w, *readout_b, *h, *c, *draws, *symbols;
    if (!PyArg_ParseTuple(
            args, "ssnnnnnnOO!OOOOOdLO:speak", &set_name, &cell_name, &threads, &length, &B, &H, &V, &layers, &table,
            &PyTuple_Type, &weights, &readout_w, &readout_b, &h, &c, &draws, &temp, &silent, &symbols
        ))
        return NULL;
    const kernels *set = named_set(set_name);
    int cell = set ? named_cell(cell_name) : -1;
    if (cell < 0 || !sizes_are_sane((ssize[]){length, B, H, V, layers}, 5)) return NULL;
    if (layers < 1 || H < 1 || V < 1 || silent >= V || temp < 0 || PyTuple_Size(weights) != 4 * layers) {
        PyErr_SetString(PyExc_ValueError, "layers, H, V, silent, temp or the number of weights is impossible");
        return NULL;
    }
    ssize gates = gates_of[cell], states = cell == LSTM ? 2 : 1;
    buffers all = {.count = 0};
    speech w = {.cell = cell, .length = length, .B = B, .H = H, .V = V, .layers = layers, .temp = temp, .silent = silent, .interrupted = interrupted};
    w.table = take(&all, table, "table", 'f', 0, V, gates, H, 1);
    const float *out_w = take(&all, readout_w, "readout_w", 'f', 0, V, H, 1, 1);
    const float *out_b = take(&all, readout_b, "readout_b", 'f', 0, V, 1, 1, 1);
    const float *first_h = take(&all, h, "h", 'f', 0, layers, B, H, 1);
    const float *first_c = cell == LSTM ? take(&all, c, "c", 'f', 0, layers, B, H, 1) : NULL;
    w.draws = take(&all, draws, "draws", 'd', 0, length, B, 1, 1);
    w.symbols = take(&all, symbols, "symbols", 'q', 1, length + 1, B, 1, 1);
    if (!all.failed && !rows_in_table(w.symbols, B, V)) all.failed = 1;
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    if (threads < 1) threads = 1;
    /* Room: states of this step and the next, input products, logits, heights. */
    float *room = NULL;
    double *heights = NULL;
    if (!all.failed) {
        w.layer = calloc(layers, sizeof *w.layer);
        room = calloc(B * (2 * states * layers * H + gates * H + V) + 1, 4);
        heights = calloc(threads * V, 8);
        int enough = w.layer && room && heights;
        float *free_room = room;
        for (ssize l = 0; enough && l < layers; l++) {
            spoken_layer *layer = w.layer + l;
            const float *part[4] = {NULL, NULL, NULL, NULL};
            static const char *const names[4] = {"w_in", "b_in", "w_h", "b_h"};
            for (int i = l ? 0 : 2; i < 4; i++)
                part[i] = take(
                    &all, PyTuple_GetItem(weights, 4 * l + i), names[i], 'f', 0, gates, H, i % 2 ? 1 : H, 1
                );
            if (all.failed) break;
            enough = (!l || pack_plain(set, &layer->w_in, gates * H, H, part[0], part[1])) &&
                     pack_gates(set, &layer->w_h, cell, H, part[2], part[3]);
            for (int i = 0; i < 2; i++, free_room += B * H) layer->h[i] = free_room;
            memcpy(layer->h[0], first_h + l * B * H, 4 * B * H);
            if (cell == LSTM) {
                for (int i = 0; i < 2; i++, free_room += B * H) layer->c[i] = free_room;
                memcpy(layer->c[0], first_c + l * B * H, 4 * B * H);
            }
        }
        w.x = free_room;
        w.logits = free_room + B * gates * H;
        enough = enough && (all.failed || pack_plain(set, &w.readout, V, H, out_w, out_b));
        if (!enough && !all.failed) {
            PyErr_NoMemory();
            all.failed = 1;
        }
    }
    if (!all.failed) {
        double products = 1.0 * gates * H * H * (2 * layers - 1) + 1.0 * V * H;
        speech_job job = {.set = set, .w = &w, .heights = heights};
        job.together = B < threads && 4 * products > OWN_CACHE_BYTES;
        if (!job.together) threads = worth(threads, B, products * length * B);
        Py_BEGIN_ALLOW_THREADS
        run_parts(speak_share, &job, threads);
        Py_END_ALLOW_THREADS
    }
    for (ssize l = 0; w.layer && l < layers; l++) {
        free(w.layer[l].w_in.data);
        free(w.layer[l].w_h.data);
    }
    free(w.layer);
    free(w.readout.data);
    free(room);
    free(heights);
    give_back(&all);
    if (all.failed || PyErr_Occurred()) return NULL;
    return PyBool_FromLong(!atomic_load(&w.nan));
}

/* ---- the module ----------------------------------------------------------------------------------------------- */

static PyObject *instruction_sets(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused)) {
    ssize count = 0;
    while (sets[count]) count++;
    PyObject *names = PyTuple_New(count);
    for (ssize i = 0; names && i < count; i++) PyTuple_SetItem(names, i, PyUnicode_FromString(sets[i]->name));
    return names;
}

static PyObject *padded(PyObject *Py_UNUSED(module), PyObject *args) {
    const char *set_name;
    ssize H;
    if (!PyArg_ParseTuple(args, "sn:padded", &set_name, &H)) return NULL;
    const kernels *set = named_set(set_name);
    return set ? PyLong_FromSsize_t(set->padded(H)) : NULL;
}

static PyMethodDef methods[] = {
    {"forward", forward, METH_VARARGS,
     "forward(set, cell, threads, T, B, H, V, x, rows, w_h, b_h, h, c, saved)\n\n"
     "One layer over one window; fills h and c (T + 1, B, H) after their first moment, and saved."},
    {"backward", backward, METH_VARARGS,
     "backward(set, cell, threads, T, B, H, h, c, saved, d_outputs, w_h, d_gates, d_h, d_c)\n\n"
     "The way back; fills d_gates, and turns d_h and d_c from after the last step to before the first."},
    {"speak", speak, METH_VARARGS,
     "speak(set, cell, threads, length, B, H, V, layers, table, weights, readout_w, readout_b, h, c, draws, temp,\n"
     "      silent, symbols)\n\n"
     "Draw symbols[1:] on every lane after symbols[0]; False if a logit was not a number."},
    {"padded", padded, METH_VARARGS, "padded(set, H)\n\nH, up to whole vectors: `saved` has planes of so many."},
    {"instruction_sets", instruction_sets, METH_NOARGS, "The sets this processor can run, best first."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_native", .m_doc = "Recurrences in C.", .m_size = 0, .m_methods = methods,
};

PyMODINIT_FUNC PyInit__native(void) {
    find_sets();
    find_openmp();
    return PyModuleDef_Init(&definition);
}
