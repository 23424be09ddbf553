/* What the Python face (module.c) hands to the kernels (kernels.h): plain pointers, already checked.

   Letters: T steps, B lanes, H units, G gates of the cell, V rows of the first layer's table.  All arrays are
   C-contiguous, float32 but for int64 indices and float64 draws. */
#ifndef CHARRNN_WINDOW_H
#define CHARRNN_WINDOW_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef ptrdiff_t ssize;

enum cell { GRU, LSTM, RNN_TANH, RNN_RELU, CELLS };

/* Gates, and planes of `saved` that the backward pass needs: GRU r z n q (q: the candidate's recurrent product),
   LSTM i f g o tanh(c); a plain layer's states are enough. */
static const ssize gates_of[CELLS] = {3, 4, 1, 1};
static const ssize planes_of[CELLS] = {4, 5, 0, 0};

/* Planes of `d_gates`, the gradients of the pre-activations.  The GRU's are those of q r z n: the first three are of
   the recurrent product, the last three of the input's, and r and z are stored once for both. */
static const ssize d_planes_of[CELLS] = {4, 4, 1, 1};

enum { PLAIN = 3 };

/* A matrix as the kernels read it: panels of VECTORS vectors, for each a row of biases, then a row for every k.
   `groups` > 1: vector v of a panel belongs to gate v, so that a panel holds all gates of the same units. */
typedef struct {
    ssize outputs, K; /* outputs of each group; length of the sum */
    ssize groups, vectors, panels; /* without groups, PLAIN vectors */
    float *data;
} packed;

/* One layer over one window: states h and c hold T + 1 moments, the first one given. */
typedef struct {
    enum cell cell;
    ssize T, B, H;
    const float *x;      /* input products: (T, B, G·H), or a table (V, G·H) if there are rows */
    const int64_t *rows; /* (T, B) or NULL */
    packed w_h;
    float *h, *c;        /* (T + 1, B, H); c of the LSTM only */
    float *saved;        /* T·B·planes·padded(H), or NULL; the kernels' own order */
} window;

/* The way back: every gradient of a pre-activation, and of the states before the first step. */
typedef struct {
    enum cell cell;
    ssize T, B, H;
    const float *h, *c, *saved, *d_outputs; /* d_outputs (T, B, H) */
    packed w_h;                             /* transposed: from the gates' gradients to the H states */
    float *d_gates;                         /* (T, B, planes, H) */
    float *d_h, *d_c;                       /* (B, H): of the last states on entry, of the first ones on return */
} window_back;

/* One layer while speaking. */
typedef struct {
    packed w_in, w_h; /* no w_in in the first layer: it reads the table */
    float *h[2], *c[2]; /* (B, H), this step's and the next one's */
} spoken_layer;

/* Draw `length` symbols on every lane, each read before the next is drawn. */
typedef struct {
    enum cell cell;
    ssize length, B, H, V, layers;
    const float *table; /* (V, G·H) */
    spoken_layer *layer;
    packed readout;
    float *x;             /* (B, G·H), room */
    float *logits;        /* (B, V), room */
    const double *draws;  /* (length, B), each in [0, 1) */
    double temp;          /* 0 takes the likeliest */
    int64_t silent;       /* an index that must not come, or -1 */
    int64_t *symbols;     /* (length + 1, B): the first row is given */
    int (*interrupted)(void); /* whether a signal wants the speaking to end; asked by the thread that called */
    atomic_int nan;           /* whether a logit was not a finite number */
    atomic_int stop;
} speech;

#endif
