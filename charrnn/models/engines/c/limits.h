/* The choice of a symbol from its logits: the limits of what may be drawn, and the draw itself. */
#ifndef CHARRNN_LIMITS_H
#define CHARRNN_LIMITS_H

#include <math.h>

#include "window.h"

/* What may be drawn.  The order is never, topk, minp, topp; charrnn/sampling/filters.py has the definitions. */
typedef struct {
    double temp, minp, topp; /* temp 0: the largest logit */
    ssize topk;              /* V or more: no limit */
    const int64_t *never;    /* (nevers,): symbols that must not be drawn */
    ssize nevers;
} limits;

/* Room of one thread for a choice among V symbols. */
typedef struct {
    double *weights; /* (V,) */
    ssize *order;    /* (V,) */
} choice_room;

/* True if symbol a comes before b: it weighs more, or the same and has the lower index. */
static int comes_before(const double *weights, ssize a, ssize b) {
    return weights[a] > weights[b] || (weights[a] == weights[b] && a < b);
}

/* Restore the heap of n symbols, the first one on top, below place i. */
static void sift(const double *weights, ssize *heap, ssize n, ssize i) {
    for (ssize child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && comes_before(weights, heap[child + 1], heap[child])) child++;
        if (!comes_before(weights, heap[child], heap[i])) return;
        ssize moved = heap[i];
        heap[i] = heap[child];
        heap[child] = moved;
    }
}

/* Take the top symbol off a heap of n symbols, and leave it at place n - 1. */
static ssize pop(const double *weights, ssize *heap, ssize n) {
    ssize top = heap[0];
    heap[0] = heap[n - 1];
    heap[n - 1] = top;
    sift(weights, heap, n - 1, 0);
    return top;
}

/* Set the weights that the limits remove to 0; the largest weight is 1. */
static void keep_likely(const limits *l, double *weights, ssize V, ssize *order) {
    for (ssize v = 0; v < V; v++)
        if (weights[v] < l->minp) weights[v] = 0.0;
    if (l->topk >= V && l->topp >= 1.0) return;
    for (ssize v = 0; v < V; v++) order[v] = v;
    for (ssize i = V / 2 - 1; i >= 0; i--) sift(weights, order, V, i);
    ssize most = l->topk < V ? l->topk : V, popped = 0;
    double total = 0.0, sum = 0.0;
    if (most < V)
        while (popped < most) total += weights[pop(weights, order, V - popped++)];
    else
        for (ssize v = 0; v < V; v++) total += weights[v];
    ssize kept = 0;
    while (kept < most && (l->topp >= 1.0 || sum < l->topp * total)) {
        if (kept == popped) pop(weights, order, V - popped++);
        sum += weights[order[V - 1 - kept++]];
    }
    for (ssize i = V - 1; i >= V - kept; i--) weights[order[i]] = -weights[order[i]];
    for (ssize v = 0; v < V; v++) weights[v] = weights[v] < 0.0 ? -weights[v] : 0.0;
}

/* Return the index that `draw` in [0, 1) selects under the limits; -1 if a logit is not a number, or the largest is not
   finite.  `nats`, if there is one, is set to its cost under the softmax of all logits. */
static ssize pick(float *logits, ssize V, const limits *l, double draw, choice_room room, double *nats) {
    double *weights = room.weights, total = 0.0, all = 0.0;
    double base = -INFINITY; /* of the exponentials of the cost */
    for (ssize v = 0; v < V; v++) {
        if (isnan(logits[v])) return -1;
        if (logits[v] > base) base = logits[v];
    }
    if (nats) {
        for (ssize v = 0; v < V; v++) weights[v] = exp(logits[v] - base);
        for (ssize v = 0; v < V; v++) all += weights[v];
    }
    for (ssize i = 0; i < l->nevers; i++) logits[l->never[i]] = -INFINITY;
    ssize best = 0;
    for (ssize v = 1; v < V; v++)
        if (logits[v] > logits[best]) best = v;
    double highest = logits[best];
    if (!isfinite(highest) || !isfinite(base)) return -1;
    ssize found = best;
    if (l->temp > 0.0) {
        for (ssize v = 0; v < V; v++) weights[v] = exp((logits[v] - highest) / l->temp);
        if (l->topk < V || l->minp > 0.0 || l->topp < 1.0) keep_likely(l, weights, V, room.order);
        for (ssize v = 0; v < V; v++) weights[v] = total += weights[v];
        ssize low = 0, high = V - 1; /* the first height above the draw lies between */
        while (low < high) {
            ssize middle = (low + high) / 2;
            if (weights[middle] > draw * total) high = middle;
            else low = middle + 1;
        }
        found = low;
    }
    if (nats) *nats = log(all) - (logits[found] - base);
    return found;
}

#endif
