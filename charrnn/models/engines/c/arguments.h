/* Checked arguments: the memory behind Python's buffers, and sizes, before a kernel sees them. */
#ifndef CHARRNN_ARGUMENTS_H
#define CHARRNN_ARGUMENTS_H

#include "window.h"

enum { MOST_BUFFERS = 1024 };

/* The buffers of one call: taken one by one, released together.  After a first error nothing more is taken. */
typedef struct {
    Py_buffer taken[MOST_BUFFERS];
    int count;
    int failed;
} buffers;

/* Begin with no buffers, without clearing the room for them. */
static void start_buffers(buffers *all) { all->count = all->failed = 0; }

static void release_buffers(buffers *all) {
    while (all->count) PyBuffer_Release(&all->taken[--all->count]);
}

/* Take the buffer of a C-contiguous array of a type ('f', 'd' or 'q'); NULL after an error. */
static Py_buffer *take_view(buffers *all, PyObject *given, const char *name, char type, int writable) {
    if (all->failed) return NULL;
    all->failed = 1;
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
    if (kind != type || view->itemsize != (type == 'f' ? 4 : 8)) {
        const char *format = view->format ? view->format : "bytes";
        PyErr_Format(PyExc_TypeError, "%s: items of type '%c', not %s", name, type, format);
        return NULL;
    }
    all->failed = 0;
    return view;
}

/* Take the memory of a C-contiguous array of exactly a·b·c·d items; NULL after an error. */
static void *take(
    buffers *all, PyObject *given, const char *name, char type, int writable, ssize a, ssize b, ssize c, ssize d
) {
    ssize items = 0;
    if (all->failed) return NULL;
    if (__builtin_mul_overflow(a, b, &items) || __builtin_mul_overflow(items, c, &items) ||
        __builtin_mul_overflow(items, d, &items) || items > PTRDIFF_MAX / 8 || a < 0 || b < 0 || c < 0 || d < 0) {
        PyErr_Format(PyExc_OverflowError, "%s: impossible size %zd x %zd x %zd x %zd", name, a, b, c, d);
        all->failed = 1;
        return NULL;
    }
    Py_buffer *view = take_view(all, given, name, type, writable);
    if (!view) return NULL;
    if (view->len != items * view->itemsize) {
        PyErr_Format(PyExc_ValueError, "%s: %zd items, not %zd", name, items, view->len / view->itemsize);
        all->failed = 1;
        return NULL;
    }
    return view->buf;
}

static void *take_if(
    buffers *all, PyObject *given, const char *name, char type, int writable, ssize a, ssize b, ssize c, ssize d
) {
    return given == Py_None ? NULL : take(all, given, name, type, writable, a, b, c, d);
}

/* Return 0 and set an error unless every row is in [0, V). */
static int rows_in_table(const int64_t *rows, ssize n, ssize V) {
    for (ssize i = 0; i < n; i++)
        if (rows[i] < 0 || rows[i] >= V) {
            PyErr_Format(PyExc_IndexError, "row %lld of a table of %zd", (long long)rows[i], V);
            return 0;
        }
    return 1;
}

/* Return 0 and set an error unless every size is one whose sums and products do not overflow. */
static int sizes_are_sane(const ssize *sizes, int n) {
    for (int i = 0; i < n; i++)
        if (sizes[i] < 0 || sizes[i] > INT32_MAX) {
            PyErr_Format(PyExc_OverflowError, "impossible size %zd", sizes[i]);
            return 0;
        }
    return 1;
}

/* Return the index of a cell; -1 and an error if there is no such cell. */
static int named_cell(const char *name) {
    for (int i = 0; i < CELLS; i++)
        if (!strcmp(cells[i].name, name)) return i;
    PyErr_Format(PyExc_ValueError, "no cell '%s'", name);
    return -1;
}

#endif
