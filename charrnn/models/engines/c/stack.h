/* All layers of a model between a table and a readout, which read one symbol at a time on every lane. */
#ifndef CHARRNN_STACK_H
#define CHARRNN_STACK_H

#include <stdatomic.h>

#include "limits.h"
#include "window.h"

/* The weights of one layer.  The first layer has no w_in: the table holds its input products. */
typedef struct {
    packed w_in, w_h;
} stack_layer;

typedef struct {
    enum cell cell;
    ssize B, H, V, layers;
    const float *table; /* (V, G·H) */
    stack_layer *layer;
    packed readout;
    float *h[2], *c[2]; /* (layers, B, H): the states before a symbol in one place, after it in the other; c: LSTM */
    float *x;           /* (B, G·H), room: the input products of a layer */
} stack;

/* Symbols to draw on every lane, each read before the next is drawn. */
typedef struct {
    ssize length;
    const double *draws; /* (length, B), each in [0, 1) */
    limits limits;
    int64_t *symbols; /* (length + 1, B): the first row is given */
    double *nats;     /* (length, B): the cost of each symbol; NULL: not wanted */
    float *logits;    /* (B, V), room */
    int (*interrupted)(void); /* true if a signal handler raised an exception; asked by the calling thread only */
    atomic_int nan;           /* true if a logit was not a number, or the largest was not finite */
    atomic_int stop;          /* true if all threads have to return */
} drawing;

#endif
