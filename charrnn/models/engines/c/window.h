/* The cells, the packed matrices, and one layer over one window: what module.c hands to the kernels (kernels.h).

   Letters: T steps, B lanes, H units, G gates of the cell, V rows of the first layer's table.  All arrays are
   C-contiguous and float32, except int64 indices and float64 draws.  Every pointer has been checked. */
#ifndef CHARRNN_WINDOW_H
#define CHARRNN_WINDOW_H

#include <stddef.h>
#include <stdint.h>

typedef ptrdiff_t ssize; /* a size or an index: signed, as Py_ssize_t */

enum cell { GRU, LSTM, RNN_TANH, RNN_RELU, CELLS };

/* Of each cell: the gates; the states (h, or h and c); the planes of `saved` that the backward pass reads besides the
   states: GRU r z n q (q: the candidate's recurrent product), LSTM i f g o tanh(c); the planes of `d_gates`, the
   gradients of the pre-activations: GRU q r z n (the recurrent product's are the first three, the input products' the
   last three, so that r and z are stored once for both), LSTM i f g o. */
static const struct {
    const char *name;
    ssize gates, states, saved_planes, gradient_planes;
} cells[CELLS] = {
    [GRU] = {"gru", 3, 1, 4, 4},
    [LSTM] = {"lstm", 4, 2, 5, 4},
    [RNN_TANH] = {"rnn_tanh", 1, 1, 0, 1},
    [RNN_RELU] = {"rnn_relu", 1, 1, 0, 1},
};

enum { PLAIN = 3 }; /* vectors of a panel without groups */

/* A matrix as the kernels read it: panels of `vectors` vectors; a panel is a row of biases, then a row for every k.
   `groups` > 1: vector v of a panel belongs to gate v, so that a panel holds all gates of the same units. */
typedef struct {
    ssize outputs, K; /* outputs of each group; terms of each sum */
    ssize groups, vectors, panels;
    float *data;
} packed;

/* One layer over one window, forward. */
typedef struct {
    enum cell cell;
    ssize T, B, H;
    const float *x;      /* input products: (T, B, G·H), or a table (V, G·H) if there are rows */
    const int64_t *rows; /* (T, B), each row of the table, or NULL */
    packed w_h;
    float *h, *c; /* (T + 1, B, H): the states before every step and after the last; the first is given; c: LSTM only */
    float *saved; /* (T, panels, B, planes, WIDTH) for the backward pass, or NULL */
} window;

/* One layer over one window, backward. */
typedef struct {
    enum cell cell;
    ssize T, B, H;
    const float *h, *c, *saved, *d_outputs; /* d_outputs (T, B, H) */
    packed w_h;                             /* transposed: from the gradients of the gates to those of the H states */
    float *d_gates;                         /* (T, B, planes, H) */
    float *d_h, *d_c; /* (B, H): gradients of the last states on entry, of the first states on return */
} window_back;

#endif
