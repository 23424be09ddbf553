/* The kernels, written once with the compiler's vector extensions and included by sets.h for each instruction set.

   The including file defines NAME(x), x with the suffix of the set; TARGET, the attribute of the set; WIDTH, floats of
   a vector; TILE, lanes of a tile of up to three vectors (more vectors, fewer lanes: the sums must fit the registers).

   The loop that takes the time is `tile`: the sums of TILE lanes and one panel's vectors stay in registers while k
   runs, so that each weight is loaded once for TILE lanes.  The sum of a lane runs over k in order in every tile: its
   bits depend neither on the other lanes nor on the number of threads. */

#include "vectors.h"

/* Add a[lane] · w[v] to sums[lane][v] for every k; panel points at the row of k = 0. */
INLINE void NAME(tile)(
    int lanes, int vectors, const float *a, ssize stride, ssize K, const float *panel, VEC sums[][4]
) {
    for (ssize k = 0; k < K; k++, panel += vectors * WIDTH) {
        VEC w[4];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) w[v] = NAME(load)(panel + v * WIDTH, WIDTH);
        if (lanes == 1) /* a single lane waits for memory: a prefetch eight rows ahead makes it a tenth faster */
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) __builtin_prefetch(panel + (8 * vectors + v) * WIDTH);
#pragma GCC unroll 8
        for (int lane = 0; lane < lanes; lane++) {
            VEC one = NAME(splat)(a[lane * stride + k]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) sums[lane][v] += one * w[v];
        }
    }
}

/* Start the sums with the biases: the first row of a panel. */
INLINE void NAME(biases)(int lanes, int vectors, const float *panel, VEC sums[][4]) {
#pragma GCC unroll 8
    for (int lane = 0; lane < lanes; lane++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) sums[lane][v] = NAME(load)(panel + v * WIDTH, WIDTH);
}

/* Call body(lanes, first lane, ...) with constant lanes: in tiles of `most` (2, 4 or 8), then in smaller ones. */
#define EACH_TILE(most, low, high, body, ...)                                         \
    for (ssize b = (low); b < (high);) {                                              \
        if ((most) >= 8 && b + 8 <= (high)) { body(8, b, __VA_ARGS__); b += 8; }      \
        else if ((most) >= 4 && b + 4 <= (high)) { body(4, b, __VA_ARGS__); b += 4; } \
        else if (b + 2 <= (high)) { body(2, b, __VA_ARGS__); b += 2; }                \
        else { body(1, b, __VA_ARGS__); b += 1; }                                     \
    }

/* Return H rounded up to whole vectors. */
TARGET static ssize NAME(padded)(ssize H) { return (H + WIDTH - 1) / WIDTH * WIDTH; }

/* ---- packed matrices ------------------------------------------------------------------------------------------ */

/* Set m->panels, and return the floats that m->data needs. */
TARGET static ssize NAME(pack_size)(packed *m) {
    ssize units = m->groups > 1 ? WIDTH : WIDTH * m->vectors; /* outputs of a panel, of each group */
    m->panels = (m->outputs + units - 1) / units;
    return m->panels * (m->K + 1) * m->vectors * WIDTH;
}

/* Pack w, whose weight of output o and term k is w[o · by_output + k · by_k]; bias may be NULL. */
TARGET static void NAME(pack)(const packed *m, const float *w, ssize by_output, ssize by_k, const float *bias) {
    ssize row = m->vectors * WIDTH;
    for (ssize p = 0; p < m->panels; p++) {
        float *panel = m->data + p * (m->K + 1) * row;
        for (ssize v = 0; v < m->vectors; v++) {
            ssize first = m->groups > 1 ? p * WIDTH : (p * m->vectors + v) * WIDTH;
            ssize group = m->groups > 1 ? v * m->outputs : 0;
            ssize n = m->outputs - first;
            n = n > WIDTH ? WIDTH : n < 0 ? 0 : n;
            const float *from = w + (group + first) * by_output;
            float *to = panel + v * WIDTH;
            for (ssize j = 0; j < n; j++) to[j] = bias ? bias[group + first + j] : 0.0f;
            for (ssize j = n; j < WIDTH; j++)
                for (ssize k = 0; k <= m->K; k++) to[k * row + j] = 0.0f;
            to += row;
            if (by_output == 1)
                for (ssize k = 0; k < m->K; k++) memcpy(to + k * row, from + k * by_k, 4 * n);
            else
                for (ssize j = 0; j < n; j++)
                    for (ssize k = 0; k < m->K; k++) to[k * row + j] = from[j * by_output + k * by_k];
        }
    }
}

/* ---- a product: out[b] = W a[b] + bias ------------------------------------------------------------------------ */

INLINE void NAME(product_tile)(
    int lanes, ssize b, const packed *m, ssize p, ssize n, const float *a, ssize stride, float *out, int add
) {
    const float *panel = m->data + p * (m->K + 1) * PLAIN * WIDTH;
    VEC sums[8][4];
    NAME(biases)(lanes, PLAIN, panel, sums);
    NAME(tile)(lanes, PLAIN, a + b * stride, stride, m->K, panel + PLAIN * WIDTH, sums);
#pragma GCC unroll 8
    for (int lane = 0; lane < lanes; lane++)
#pragma GCC unroll 3
        for (int v = 0; v < PLAIN; v++) {
            const ssize left = n - v * WIDTH;
            if (left <= 0) continue;
            float *to = out + (b + lane) * m->outputs + (p * PLAIN + v) * WIDTH;
            VEC sum = sums[lane][v];
            if (add) sum += NAME(load)(to, left);
            NAME(store)(to, sum, left);
        }
}

/* Multiply lanes low … high of a (B, K), rows `stride` apart, by some panels of a plain matrix, into out (B, outputs);
   with `add`, out is increased by the product. */
TARGET static void NAME(product)(
    const packed *m, const float *a, ssize stride, float *out, int add, ssize low, ssize high, ssize panel_low,
    ssize panel_high
) {
    for (ssize p = panel_low; p < panel_high; p++) {
        const ssize n = m->outputs - p * PLAIN * WIDTH;
        if (n >= PLAIN * WIDTH) EACH_TILE(TILE, low, high, NAME(product_tile), m, p, PLAIN * WIDTH, a, stride, out, add)
        else EACH_TILE(TILE, low, high, NAME(product_tile), m, p, n, a, stride, out, add)
    }
}

/* ---- one step of a layer -------------------------------------------------------------------------------------- */

/* The memory of one step of a layer; the pointers point at this step. */
typedef struct {
    const packed *w_h;
    ssize B, H;
    const float *x, *h_before, *c_before;
    const int64_t *rows;
    float *h, *c, *saved;
} NAME(layer_step);

/* Return the input products of a lane, for `gates` gates. */
INLINE const float *NAME(input)(const NAME(layer_step) *s, ssize lane, ssize gates) {
    return s->x + (s->rows ? s->rows[lane] : lane) * gates * s->H;
}

/* Save values for the backward pass, in the order in which they are written: (T, panels, B, planes, WIDTH).  The memory
   of the next step is prefetched, so that the stores of that step do not wait. */
INLINE void NAME(save)(const NAME(layer_step) *s, ssize p, ssize lane, int planes, const VEC *values) {
    float *to = s->saved + (p * s->B + lane) * planes * WIDTH, *next = to + s->B * planes * NAME(padded)(s->H);
#pragma GCC unroll 5
    for (int plane = 0; plane < planes; plane++) {
        NAME(store)(to + plane * WIDTH, values[plane], WIDTH);
        __builtin_prefetch(next + plane * WIDTH, 1, 2);
    }
}

/* Prefetch the input products before the sums, so that they have arrived when the sums are done. */
INLINE void NAME(prefetch_input)(int lanes, ssize b, const NAME(layer_step) *s, ssize u, ssize gates) {
#pragma GCC unroll 8
    for (int lane = 0; lane < lanes; lane++) {
        const float *x = NAME(input)(s, b + lane, gates) + u;
        for (ssize gate = 0; gate < gates; gate++) __builtin_prefetch(x + gate * s->H);
    }
}

INLINE void NAME(gru_tile)(int lanes, ssize b, const NAME(layer_step) *s, ssize p, ssize n) {
    const ssize H = s->H, u = p * WIDTH;
    const float *panel = s->w_h->data + p * (H + 1) * 3 * WIDTH;
    VEC sums[8][4];
    NAME(prefetch_input)(lanes, b, s, u, 3);
    NAME(biases)(lanes, 3, panel, sums);
    NAME(tile)(lanes, 3, s->h_before + b * H, H, H, panel + 3 * WIDTH, sums);
    /* Each stage for all lanes before the next stage: the processor overlaps the lanes, which are independent. */
#pragma GCC unroll 8
    for (int lane = 0; lane < lanes; lane++) {
        const float *x = NAME(input)(s, b + lane, 3) + u;
        VEC r = sums[lane][0] + NAME(load)(x, n);
        VEC z = sums[lane][1] + NAME(load)(x + H, n);
        NAME(sigmoids)(&r, &z);
        sums[lane][0] = r;
        sums[lane][1] = z;
    }
#pragma GCC unroll 8
    for (int lane = 0; lane < lanes; lane++) {
        const float *x = NAME(input)(s, b + lane, 3) + u;
        VEC r = sums[lane][0], z = sums[lane][1], q = sums[lane][2];
        VEC c = NAME(tanh)(NAME(load)(x + 2 * H, n) + r * q);
        VEC before = NAME(load)(s->h_before + (b + lane) * H + u, n);
        NAME(store)(s->h + (b + lane) * H + u, c + z * (before - c), n);
        if (s->saved) NAME(save)(s, p, b + lane, 4, (VEC[]){r, z, c, q});
    }
}

INLINE void NAME(lstm_tile)(int lanes, ssize b, const NAME(layer_step) *s, ssize p, ssize n) {
    const ssize H = s->H, u = p * WIDTH;
    const float *panel = s->w_h->data + p * (H + 1) * 4 * WIDTH;
    VEC sums[8][4];
    NAME(prefetch_input)(lanes, b, s, u, 4);
    NAME(biases)(lanes, 4, panel, sums);
    NAME(tile)(lanes, 4, s->h_before + b * H, H, H, panel + 4 * WIDTH, sums);
#pragma GCC unroll 8
    for (int lane = 0; lane < lanes; lane++) {
        const float *x = NAME(input)(s, b + lane, 4) + u;
#pragma GCC unroll 4
        for (int gate = 0; gate < 4; gate++) sums[lane][gate] += NAME(load)(x + gate * H, n);
        NAME(sigmoids)(&sums[lane][0], &sums[lane][1]);
    }
#pragma GCC unroll 8
    for (int lane = 0; lane < lanes; lane++) NAME(tanh_and_sigmoid)(&sums[lane][2], &sums[lane][3]);
#pragma GCC unroll 8
    for (int lane = 0; lane < lanes; lane++) {
        VEC i = sums[lane][0], f = sums[lane][1], g = sums[lane][2], o = sums[lane][3];
        VEC c = f * NAME(load)(s->c_before + (b + lane) * H + u, n);
        c += i * g;
        VEC seen = NAME(tanh)(c);
        NAME(store)(s->c + (b + lane) * H + u, c, n);
        NAME(store)(s->h + (b + lane) * H + u, o * seen, n);
        if (s->saved) NAME(save)(s, p, b + lane, 5, (VEC[]){i, f, g, o, seen});
    }
}

INLINE void NAME(rnn_tile)(int lanes, ssize b, const NAME(layer_step) *s, ssize p, ssize left, int relu) {
    const ssize H = s->H, u = PLAIN * p * WIDTH;
    const float *panel = s->w_h->data + p * (H + 1) * PLAIN * WIDTH;
    VEC sums[8][4];
    NAME(biases)(lanes, PLAIN, panel, sums);
    NAME(tile)(lanes, PLAIN, s->h_before + b * H, H, H, panel + PLAIN * WIDTH, sums);
#pragma GCC unroll 8
    for (int lane = 0; lane < lanes; lane++)
#pragma GCC unroll 3
        for (int v = 0; v < PLAIN; v++) {
            const ssize first = u + v * WIDTH, n = left - v * WIDTH;
            if (n <= 0) continue;
            VEC a = sums[lane][v] + NAME(load)(NAME(input)(s, b + lane, 1) + first, n);
            /* a < 0 is false for nan, so that nan stays nan */
            a = relu ? NAME(select)((BITS)(a < 0.0f), NAME(splat)(0.0f), a) : NAME(tanh)(a);
            NAME(store)(s->h + (b + lane) * H + first, a, n);
        }
}

/* Call a tile for lanes low … high and each of some panels.  Full panels have code of their own, in which every load
   and store is a whole vector. */
#define EACH_PANEL(most, tile, vectors, ...)                                                     \
    for (ssize p = panel_low; p < panel_high; p++) {                                             \
        ssize n = s->H - p * (vectors) * WIDTH;                                                  \
        if (n >= (vectors) * WIDTH)                                                              \
            EACH_TILE(most, low, high, tile, s, p, (vectors) * WIDTH __VA_OPT__(, ) __VA_ARGS__) \
        else EACH_TILE(most, low, high, tile, s, p, n __VA_OPT__(, ) __VA_ARGS__)                \
    }

/* Compute one step of a layer, for lanes low … high and the units of some panels. */
TARGET static void NAME(step_layer)(
    enum cell cell, const NAME(layer_step) *s, ssize low, ssize high, ssize panel_low, ssize panel_high
) {
    switch (cell) {
    case GRU: EACH_PANEL(TILE, NAME(gru_tile), 1) break;
    case LSTM: EACH_PANEL(TILE / 2, NAME(lstm_tile), 1) break;
    case RNN_TANH: EACH_PANEL(TILE, NAME(rnn_tile), PLAIN, 0) break;
    default: EACH_PANEL(TILE, NAME(rnn_tile), PLAIN, 1) break;
    }
}

/* ---- a window ------------------------------------------------------------------------------------------------- */

TARGET static void NAME(forward)(const window *w, ssize low, ssize high) {
    const ssize each = w->B * w->H;
    for (ssize t = 0; t < w->T; t++) {
        NAME(layer_step) s = {
            .w_h = &w->w_h,
            .B = w->B,
            .H = w->H,
            .x = w->rows ? w->x : w->x + t * each * cells[w->cell].gates,
            .rows = w->rows ? w->rows + t * w->B : NULL,
            .h_before = w->h + t * each,
            .h = w->h + (t + 1) * each,
            .c_before = w->c ? w->c + t * each : NULL,
            .c = w->c ? w->c + (t + 1) * each : NULL,
            .saved = w->saved ? w->saved + t * w->B * cells[w->cell].saved_planes * NAME(padded)(w->H) : NULL,
        };
        NAME(step_layer)(w->cell, &s, low, high, 0, w->w_h.panels);
    }
}

/* ---- a window, backward --------------------------------------------------------------------------------------- */

/* The backward function of a cell takes d, the gradient of one lane's state after a step, for n units from u on.  It
   writes the gradients of the gates, and replaces d by the part of the gradient of the state before the step that does
   not go through the recurrent product. */

/* Load the saved values of a step, and prefetch those of step t - 1, which comes next. */
INLINE void NAME(saved)(const window_back *w, ssize t, ssize b, ssize u, int planes, VEC *values) {
    ssize panels = NAME(padded)(w->H) / WIDTH;
    const float *from = w->saved + ((t * panels + u / WIDTH) * w->B + b) * planes * WIDTH;
    const ssize one_step = panels * w->B * planes * WIDTH;
#pragma GCC unroll 5
    for (int plane = 0; plane < planes; plane++) {
        values[plane] = NAME(load)(from + plane * WIDTH, WIDTH);
        __builtin_prefetch(from + plane * WIDTH - one_step, 0, 2);
    }
    __builtin_prefetch(w->d_outputs + ((t - 1) * w->B + b) * w->H + u, 0, 2);
    __builtin_prefetch(w->h + ((t - 1) * w->B + b) * w->H + u, 0, 2);
    for (int plane = 0; plane < 4; plane++)
        __builtin_prefetch(w->d_gates + (((t - 1) * w->B + b) * 4 + plane) * w->H + u, 1, 2);
}

INLINE void NAME(gru_back)(const window_back *w, ssize t, ssize b, ssize u, ssize n, float *d) {
    const ssize H = w->H, at = t * w->B + b;
    VEC saved[5];
    NAME(saved)(w, t, b, u, 4, saved);
    VEC r = saved[0], z = saved[1], c = saved[2], q = saved[3];
    VEC before = NAME(load)(w->h + at * H + u, n);
    VEC g = NAME(load)(d + u, n) + NAME(load)(w->d_outputs + at * H + u, n);
    VEC d_c = g * (1.0f - z) * (1.0f - c * c);
    float *to = w->d_gates + at * 4 * H + u;
    NAME(store)(to, d_c * r, n);
    NAME(store)(to + H, d_c * q * r * (1.0f - r), n);
    NAME(store)(to + 2 * H, g * (before - c) * z * (1.0f - z), n);
    NAME(store)(to + 3 * H, d_c, n);
    NAME(store)(d + u, g * z, n);
}

INLINE void NAME(lstm_back)(const window_back *w, ssize t, ssize b, ssize u, ssize n, float *d, float *d_c) {
    const ssize H = w->H, at = t * w->B + b;
    VEC saved[5];
    NAME(saved)(w, t, b, u, 5, saved);
    VEC i = saved[0], f = saved[1], g = saved[2], o = saved[3], seen = saved[4];
    VEC before = NAME(load)(w->c + at * H + u, n);
    VEC d_h = NAME(load)(d + u, n) + NAME(load)(w->d_outputs + at * H + u, n);
    VEC dc = NAME(load)(d_c + u, n);
    dc += d_h * o * (1.0f - seen * seen);
    float *to = w->d_gates + at * 4 * H + u;
    NAME(store)(to, dc * g * i * (1.0f - i), n);
    NAME(store)(to + H, dc * before * f * (1.0f - f), n);
    NAME(store)(to + 2 * H, dc * i * (1.0f - g * g), n);
    NAME(store)(to + 3 * H, d_h * seen * o * (1.0f - o), n);
    NAME(store)(d_c + u, dc * f, n);
    NAME(store)(d + u, NAME(splat)(0.0f), n);
}

INLINE void NAME(rnn_back)(const window_back *w, ssize t, ssize b, ssize u, ssize n, float *d) {
    const ssize H = w->H, at = t * w->B + b;
    VEC after = NAME(load)(w->h + (at + w->B) * H + u, n);
    VEC g = NAME(load)(d + u, n) + NAME(load)(w->d_outputs + at * H + u, n);
    g = w->cell == RNN_TANH ? g * (1.0f - after * after) : NAME(select)((BITS)(after > 0.0f), g, NAME(splat)(0.0f));
    NAME(store)(w->d_gates + at * H + u, g, n);
    NAME(store)(d + u, NAME(splat)(0.0f), n);
}

#define EACH_UNIT(back, ...)                                                     \
    do {                                                                         \
        ssize u = 0;                                                             \
        for (; u + WIDTH <= H; u += WIDTH) back(w, t, b, u, WIDTH, __VA_ARGS__); \
        if (u < H) back(w, t, b, u, H - u, __VA_ARGS__);                         \
    } while (0)

TARGET static void NAME(backward)(const window_back *w, ssize low, ssize high) {
    const ssize H = w->H, planes = cells[w->cell].gradient_planes;
    for (ssize t = w->T - 1; t >= 0; t--) {
        for (ssize b = low; b < high; b++) {
            float *d = w->d_h + b * H;
            switch (w->cell) {
            case GRU: EACH_UNIT(NAME(gru_back), d); break;
            case LSTM: EACH_UNIT(NAME(lstm_back), d, w->d_c + b * H); break;
            default: EACH_UNIT(NAME(rnn_back), d); break;
            }
        }
        const float *gates = w->d_gates + t * w->B * planes * H;
        NAME(product)(&w->w_h, gates, planes * H, w->d_h, 1, low, high, 0, w->w_h.panels);
    }
}

/* ---- all layers, symbol by symbol ------------------------------------------------------------------------------ */

/* Read one symbol on lanes low … high: from the states of place `now` to those of the other place, and logits (B, V).
   Of each matrix compute share `part` of `parts`; the threads of these shares wait for each other at `barrier`. */
TARGET static void NAME(read)(
    const stack *s, const int64_t *symbols, float *logits, int now, ssize low, ssize high, ssize part, ssize parts,
    thread_barrier *barrier
) {
    const ssize H = s->H, each = s->B * H;
    const float *below = NULL;
    for (ssize l = 0; l < s->layers; l++) {
        const stack_layer *layer = s->layer + l;
        if (l) {
            const ssize panels = layer->w_in.panels;
            NAME(product)(
                &layer->w_in, below, H, s->x, 0, low, high, panels * part / parts, panels * (part + 1) / parts
            );
            wait_for_all(barrier, parts);
        }
        NAME(layer_step) step = {
            .w_h = &layer->w_h,
            .B = s->B,
            .H = H,
            .x = l ? s->x : s->table,
            .rows = l ? NULL : symbols,
            .h_before = s->h[now] + l * each,
            .h = s->h[!now] + l * each,
            .c_before = s->c[now] ? s->c[now] + l * each : NULL,
            .c = s->c[!now] ? s->c[!now] + l * each : NULL,
        };
        const ssize panels = layer->w_h.panels;
        NAME(step_layer)(s->cell, &step, low, high, panels * part / parts, panels * (part + 1) / parts);
        wait_for_all(barrier, parts);
        below = step.h;
    }
    const ssize panels = s->readout.panels;
    NAME(product)(&s->readout, below, H, logits, 0, low, high, panels * part / parts, panels * (part + 1) / parts);
    wait_for_all(barrier, parts);
}

/* Draw symbols on lanes low … high, from the states of place 0; `room` belongs to this thread. */
TARGET static void NAME(draw)(
    const stack *s, drawing *d, ssize low, ssize high, ssize part, ssize parts, thread_barrier *barrier,
    choice_room room
) {
    for (ssize t = 0; t < d->length; t++) {
        NAME(read)(s, d->symbols + t * s->B, d->logits, t % 2, low, high, part, parts, barrier);
        if (part == 0)
            for (ssize b = low; b < high; b++) {
                const ssize at = t * s->B + b;
                double *nats = d->nats ? d->nats + at : NULL;
                ssize symbol = pick(d->logits + b * s->V, s->V, &d->limits, d->draws[at], room, nats);
                if (symbol < 0) {
                    atomic_store(&d->nan, 1);
                    atomic_store(&d->stop, 1);
                }
                d->symbols[at + s->B] = symbol < 0 ? 0 : symbol;
            }
        if (low == 0 && part == 0 && t % 32 == 31 && d->interrupted()) atomic_store(&d->stop, 1);
        wait_for_all(barrier, parts);
        if (atomic_load(&d->stop)) return;
    }
}

#undef INLINE
#undef VEC
#undef BITS
#undef EACH_TILE
#undef EACH_PANEL
#undef EACH_UNIT
