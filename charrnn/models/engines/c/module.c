/* charrnn.models.engines._native: the recurrences of charrnn.models.cells, near the limit of the processor.

   Each function that Python calls checks the type and size of every buffer before a kernel gets its pointer, selects
   the instruction set, and divides the lanes among threads.  The arithmetic is in kernels.h; README.md has a map. */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "reader.h"
#include "sets.h"
#include "threads.h"
#include "window.h"

/* ---- forward and backward: each thread takes whole lanes ------------------------------------------------------ */

typedef struct {
    const kernels *set;
    const void *window;
    ssize B;
} window_job;

static void forward_part(void *given, ptrdiff_t part, ptrdiff_t parts) {
    window_job *job = given;
    job->set->forward(job->window, job->B * part / parts, job->B * (part + 1) / parts);
}

static void backward_part(void *given, ptrdiff_t part, ptrdiff_t parts) {
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
    const ssize gates = cells[cell].gates, planes = cells[cell].saved_planes;
    buffers all;
    start_buffers(&all);
    window w = {.cell = cell, .T = T, .B = B, .H = H};
    w.rows = take_if(&all, rows, "rows", 'q', 0, T, B, 1, 1);
    w.x = w.rows ? take(&all, x, "x", 'f', 0, V, gates, H, 1) : take(&all, x, "x", 'f', 0, T, B, gates, H);
    const float *weights = take(&all, w_h, "w_h", 'f', 0, gates, H, H, 1);
    const float *bias = take(&all, b_h, "b_h", 'f', 0, gates, H, 1, 1);
    w.h = take(&all, h, "h", 'f', 1, T + 1, B, H, 1);
    w.c = cells[cell].states > 1 ? take(&all, c, "c", 'f', 1, T + 1, B, H, 1) : NULL;
    w.saved = planes ? take_if(&all, saved, "saved", 'f', 1, T, B, planes, set->padded(H)) : NULL;
    if (!all.failed && w.rows && !rows_in_table(w.rows, T * B, V)) all.failed = 1;
    if (!all.failed && H && !pack_gates(set, &w.w_h, cell, H, weights, bias)) {
        PyErr_NoMemory();
        all.failed = 1;
    }
    if (!all.failed && H) {
        window_job job = {set, &w, B};
        Py_BEGIN_ALLOW_THREADS
        run_parts(forward_part, &job, worth(threads, B, 1.0 * T * B * gates * H * H));
        Py_END_ALLOW_THREADS
    }
    free(w.w_h.data);
    release_buffers(&all);
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
    const ssize gates = cells[cell].gates, planes = cells[cell].saved_planes;
    buffers all;
    start_buffers(&all);
    window_back w = {.cell = cell, .T = T, .B = B, .H = H};
    w.h = take(&all, h, "h", 'f', 0, T + 1, B, H, 1);
    w.c = cells[cell].states > 1 ? take(&all, c, "c", 'f', 0, T + 1, B, H, 1) : NULL;
    w.saved = planes ? take(&all, saved, "saved", 'f', 0, T, B, planes, set->padded(H)) : NULL;
    w.d_outputs = take(&all, d_outputs, "d_outputs", 'f', 0, T, B, H, 1);
    const float *weights = take(&all, w_h, "w_h", 'f', 0, gates, H, H, 1);
    w.d_gates = take(&all, d_gates, "d_gates", 'f', 1, T, B, cells[cell].gradient_planes, H);
    w.d_h = take(&all, d_h, "d_h", 'f', 1, B, H, 1, 1);
    w.d_c = cells[cell].states > 1 ? take(&all, d_c, "d_c", 'f', 1, B, H, 1, 1) : NULL;
    if (!all.failed && H && !pack_transposed(set, &w.w_h, cell, H, weights)) {
        PyErr_NoMemory();
        all.failed = 1;
    }
    if (!all.failed && H) {
        window_job job = {set, &w, B};
        Py_BEGIN_ALLOW_THREADS
        run_parts(backward_part, &job, worth(threads, B, 1.0 * T * B * gates * H * H));
        Py_END_ALLOW_THREADS
    }
    free(w.w_h.data);
    release_buffers(&all);
    if (all.failed) return NULL;
    Py_RETURN_NONE;
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

/* Return the table of cells, against which Python checks its own. */
static PyObject *describe_cells(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused)) {
    PyObject *found = PyDict_New();
    for (int i = 0; found && i < CELLS; i++) {
        PyObject *numbers = Py_BuildValue(
            "(nnnn)", cells[i].gates, cells[i].states, cells[i].saved_planes, cells[i].gradient_planes
        );
        if (!numbers || PyDict_SetItemString(found, cells[i].name, numbers)) Py_CLEAR(found);
        Py_XDECREF(numbers);
    }
    return found;
}

static PyMethodDef methods[] = {
    {"forward", forward, METH_VARARGS,
     "forward(set, cell, threads, T, B, H, V, x, rows, w_h, b_h, h, c, saved)\n\n"
     "Compute one layer over one window: h and c (T + 1, B, H) after their first states, and saved."},
    {"backward", backward, METH_VARARGS,
     "backward(set, cell, threads, T, B, H, h, c, saved, d_outputs, w_h, d_gates, d_h, d_c)\n\n"
     "Compute the gradients of one layer over one window: d_gates, and d_h and d_c, which come in as those of the\n"
     "last states and are replaced by those of the first."},
    {"reader", make_reader, METH_VARARGS,
     "reader(set, cell, B, H, V, layers, table, weights, readout_w, readout_b)\n\n"
     "Return a reader of B lanes with a packed copy of the weights: w_in, b_in, w_h, b_h of every layer, one tuple."},
    {"step", step, METH_VARARGS,
     "step(reader, threads, symbols, h, c, logits)\n\n"
     "Read symbols (B,): replace the states h and c (layers, B, H) and fill logits (B, V)."},
    {"draw", draw, METH_VARARGS,
     "draw(reader, threads, h, c, draws, temp, topk, minp, topp, never, symbols, nats)\n\n"
     "Draw symbols[1:] (length, B), each row after the one before is read; replace the states h and c (layers, B, H).\n"
     "Fill nats (length, B), unless it is None, with the cost of each symbol.\n"
     "Return False, and leave h and c, if a logit is not a number or the largest is not finite."},
    {"cells", describe_cells, METH_NOARGS,
     "Return a dict of every cell: (gates, states, saved planes, gradient planes)."},
    {"padded", padded, METH_VARARGS,
     "padded(set, H)\n\nReturn H rounded up to whole vectors: the width of a plane of saved."},
    {"instruction_sets", instruction_sets, METH_NOARGS,
     "Return the instruction sets that are built in and that this processor has, best first."},
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
