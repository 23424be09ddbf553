/* All layers of a model between a table and a readout, which read one symbol at a time on every lane. */
#ifndef CHARRNN_STACK_H
#define CHARRNN_STACK_H

#include <math.h>
#include <stdatomic.h>

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
    double temp;         /* 0: the largest logit */
    int64_t silent;      /* an index that must not be drawn, or -1 */
    int64_t *symbols;    /* (length + 1, B): the first row is given */
    float *logits;       /* (B, V), room */
    int (*interrupted)(void); /* true if a signal handler raised an exception; asked by the calling thread only */
    atomic_int nan;           /* true if a logit was not a number, or the largest was not finite */
    atomic_int stop;          /* true if all threads have to return */
} drawing;

/* Return the index that `draw` selects from softmax(logits / temp), that of the largest logit at temp 0; -1 if a logit
   is not a number, or the largest is not finite.  heights (V,) is room. */
static ssize pick(float *logits, ssize V, double temp, int64_t silent, double draw, double *heights) {
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

#endif
