/* The kernels, written once with the compiler's vector extensions and included by module.c for each instruction set.

   Defined around the inclusion: NAME(x), x with the set's suffix; TARGET, its attribute; WIDTH, floats of a vector;
   TILE, lanes of a tile of up to three vectors (more vectors, fewer lanes: the sums must fit the registers).

   The one loop that matters is `tile`: sums of TILE lanes × a panel's vectors stay in registers while k runs, so each
   weight is loaded once for TILE lanes.  A lane's sum runs over k in order whatever tile it is in: its bits depend
   neither on its neighbours nor on the number of threads. */

#define INLINE static inline __attribute__((always_inline)) TARGET
#define VEC NAME(vec)
#define BITS NAME(bits)

typedef float VEC __attribute__((vector_size(4 * WIDTH)));
typedef uint32_t BITS __attribute__((vector_size(4 * WIDTH)));

INLINE VEC NAME(splat)(float x) { return x - (VEC){0}; }

/* n floats, WIDTH or at the end of a row fewer; the rest is 0. */
INLINE VEC NAME(load)(const float *from, ssize n) {
    VEC v = {0};
    if (n >= WIDTH) memcpy(&v, from, sizeof v);
    else memcpy(&v, from, 4 * n);
    return v;
}

INLINE void NAME(store)(float *to, VEC v, ssize n) {
    if (n >= WIDTH) memcpy(to, &v, sizeof v);
    else memcpy(to, &v, 4 * n);
}

INLINE VEC NAME(select)(BITS where, VEC a, VEC b) { return (VEC)((where & (BITS)a) | (~where & (BITS)b)); }

/* e^x - 1 for |x| up to 43, beyond that as at 43, so that a product of two is an ordinary number, and its inverse too;
   nan stays nan.  x = n ln 2 + r with a polynomial for r, whose
   coefficients are those of the Cephes library's expf (Moshier). */
INLINE VEC NAME(expm1)(VEC x) {
    const VEC high = NAME(splat)(43.0f), low = NAME(splat)(-43.0f), magic = NAME(splat)(12582912.0f); /* 1.5 · 2^23 */
    x = NAME(select)((BITS)(x > high), high, x);
    x = NAME(select)((BITS)(x < low), low, x);
    VEC rounded = x * 1.44269504f + magic; /* its lowest bits are n */
    VEC n = rounded - magic;
    VEC r = x - n * 0.693359375f + n * 2.12194440e-4f;
    VEC p = NAME(splat)(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r;
    VEC scale = (VEC)(((BITS)rounded << 23) + (127u << 23)); /* 2^n */
    return scale * p + (scale - 1.0f);
}

INLINE VEC NAME(tanh)(VEC x) {
    VEC e = NAME(expm1)(x + x);
    return e / (e + 2.0f);
}

/* Two of them with one division, the slowest of all these operations. */
INLINE void NAME(sigmoids)(VEC *x, VEC *y) {
    VEC a = 2.0f + NAME(expm1)(-*x), b = 2.0f + NAME(expm1)(-*y);
    VEC inverse = 1.0f / (a * b);
    *x = b * inverse;
    *y = a * inverse;
}

INLINE void NAME(tanh_and_sigmoid)(VEC *x, VEC *y) {
    VEC e = NAME(expm1)(*x + *x), b = 2.0f + NAME(expm1)(-*y);
    VEC inverse = 1.0f / ((e + 2.0f) * b);
    *x = e * b * inverse;
    *y = (e + 2.0f) * inverse;
}

/* sums[lane][v] += a[lane] · panel[v] */
INLINE void NAME(tile)(int lanes, int vectors, const float *a, ssize stride, ssize K, const float *panel, VEC sums[][4]) {
    for (ssize k = 0; k < K; k++, panel += vectors * WIDTH) {
        VEC w[4];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) w[v] = NAME(load)(panel + v * WIDTH, WIDTH);
        if (lanes == 1) /* a single lane waits for its weights: asked for eight rows ahead, they come a tenth faster */
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

INLINE void NAME(biases)(int lanes, int vectors, const float *panel, VEC sums[][4]) {
#pragma GCC unroll 8
    for (int lane = 0; lane < lanes; lane++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) sums[lane][v] = NAME(load)(panel + v * WIDTH, WIDTH);
}

/* Calls body(lanes, first lane, ...) with constant lanes: tiles of `most` (2, 4 or 8), then of what is left. */
#define EACH_TILE(most, low, high, body, ...)                                              \
    for (ssize b = (low); b < (high);) {                                                    \
        if ((most) >= 8 && b + 8 <= (high)) { body(8, b, __VA_ARGS__); b += 8; }           \
        else if ((most) >= 4 && b + 4 <= (high)) { body(4, b, __VA_ARGS__); b += 4; }      \
        else if (b + 2 <= (high)) { body(2, b, __VA_ARGS__); b += 2; }                     \
        else { body(1, b, __VA_ARGS__); b += 1; }                                          \
    }

/* H, up to whole vectors. */
TARGET static ssize NAME(padded)(ssize H) { return (H + WIDTH - 1) / WIDTH * WIDTH; }

/* ---- weights as the kernels read them ------------------------------------------------------------------------- */

TARGET static ssize NAME(pack_size)(packed *m) {
    ssize units = m->groups > 1 ? WIDTH : WIDTH * m->vectors; /* outputs of a panel, of each group */
    m->panels = (m->outputs + units - 1) / units;
    return m->panels * (m->K + 1) * m->vectors * WIDTH;
}

/* From w, where output o's weight of k stands at w[o · by_output + k · by_k]; bias may be NULL. */
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

/* a (B, K), its rows `stride` apart, out (B, outputs); `add` adds the product to what stands in out.  For plain
   matrices. */
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

/* What one step reads and writes; the pointers stand at this step. */
typedef struct {
    const packed *w_h;
    ssize B, H;
    const float *x, *h_before, *c_before;
    const int64_t *rows;
    float *h, *c, *saved;
} NAME(moment);

/* Where a lane's input products are, of `gates` gates. */
INLINE const float *NAME(input)(const NAME(moment) *s, ssize lane, ssize gates) {
    return s->x + (s->rows ? s->rows[lane] : lane) * gates * s->H;
}

/* What is saved stands in the order in which it is written: (T, panels, B, planes, WIDTH).  Memory is asked for the
   next step's room, so that the stores of that step need not wait. */
INLINE void NAME(save)(const NAME(moment) *s, ssize p, ssize lane, int planes, const VEC *values) {
    float *to = s->saved + (p * s->B + lane) * planes * WIDTH, *next = to + s->B * planes * NAME(padded)(s->H);
#pragma GCC unroll 5
    for (int plane = 0; plane < planes; plane++) {
        NAME(store)(to + plane * WIDTH, values[plane], WIDTH);
        __builtin_prefetch(next + plane * WIDTH, 1, 2);
    }
}

/* Ask memory for the input products before the sums, so that they are there when the sums are. */
INLINE void NAME(ask_input)(int lanes, ssize b, const NAME(moment) *s, ssize u, ssize gates) {
#pragma GCC unroll 8
    for (int lane = 0; lane < lanes; lane++) {
        const float *x = NAME(input)(s, b + lane, gates) + u;
        for (ssize gate = 0; gate < gates; gate++) __builtin_prefetch(x + gate * s->H);
    }
}

INLINE void NAME(gru_tile)(int lanes, ssize b, const NAME(moment) *s, ssize p, ssize n) {
    const ssize H = s->H, u = p * WIDTH;
    const float *panel = s->w_h->data + p * (H + 1) * 3 * WIDTH;
    VEC sums[8][4];
    NAME(ask_input)(lanes, b, s, u, 3);
    NAME(biases)(lanes, 3, panel, sums);
    NAME(tile)(lanes, 3, s->h_before + b * H, H, H, panel + 3 * WIDTH, sums);
    /* Lane after lane in each stage, not stage after stage in each lane: the processor overlaps what is independent. */
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

INLINE void NAME(lstm_tile)(int lanes, ssize b, const NAME(moment) *s, ssize p, ssize n) {
    const ssize H = s->H, u = p * WIDTH;
    const float *panel = s->w_h->data + p * (H + 1) * 4 * WIDTH;
    VEC sums[8][4];
    NAME(ask_input)(lanes, b, s, u, 4);
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

INLINE void NAME(rnn_tile)(int lanes, ssize b, const NAME(moment) *s, ssize p, ssize left, int relu) {
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
            /* not (a < 0): so nan stays nan */
            a = relu ? NAME(select)((BITS)(a < 0.0f), NAME(splat)(0.0f), a) : NAME(tanh)(a);
            NAME(store)(s->h + (b + lane) * H + first, a, n);
        }
}

/* One step of lanes low … high, of the units of some panels.  A panel that is full gets code of its own, in which
   every load and store is a vector's. */
#define EACH_PANEL(most, tile, vectors, ...)                                                    \
    for (ssize p = panel_low; p < panel_high; p++) {                                             \
        ssize n = s->H - p * (vectors) * WIDTH;                                                  \
        if (n >= (vectors) * WIDTH)                                                             \
            EACH_TILE(most, low, high, tile, s, p, (vectors) * WIDTH __VA_OPT__(, ) __VA_ARGS__) \
        else EACH_TILE(most, low, high, tile, s, p, n __VA_OPT__(, ) __VA_ARGS__)               \
    }

TARGET static void NAME(step)(
    enum cell cell, const NAME(moment) *s, ssize low, ssize high, ssize panel_low, ssize panel_high
) {
    switch (cell) {
    case GRU: EACH_PANEL(TILE, NAME(gru_tile), 1) break;
    case LSTM: EACH_PANEL(TILE / 2, NAME(lstm_tile), 1) break;
    case RNN_TANH: EACH_PANEL(TILE, NAME(rnn_tile), PLAIN, 0) break;
    default: EACH_PANEL(TILE, NAME(rnn_tile), PLAIN, 1) break;
    }
}

/* ---- a window, forward ---------------------------------------------------------------------------------------- */

TARGET static void NAME(forward)(const window *w, ssize low, ssize high) {
    const ssize each = w->B * w->H;
    for (ssize t = 0; t < w->T; t++) {
        NAME(moment) s = {
            .w_h = &w->w_h,
            .B = w->B,
            .H = w->H,
            .x = w->rows ? w->x : w->x + t * each * gates_of[w->cell],
            .rows = w->rows ? w->rows + t * w->B : NULL,
            .h_before = w->h + t * each,
            .h = w->h + (t + 1) * each,
            .c_before = w->c ? w->c + t * each : NULL,
            .c = w->c ? w->c + (t + 1) * each : NULL,
            .saved = w->saved ? w->saved + t * w->B * planes_of[w->cell] * NAME(padded)(w->H) : NULL,
        };
        NAME(step)(w->cell, &s, low, high, 0, w->w_h.panels);
    }
}

/* ---- and back ------------------------------------------------------------------------------------------------- */

/* Each takes d, the gradient of one lane's state after the step, for n units from u on, and leaves what of it reaches
   the state before without going through the product. */

INLINE void NAME(saved)(const window_back *w, ssize t, ssize b, ssize u, int planes, VEC *values) {
    ssize panels = NAME(padded)(w->H) / WIDTH;
    const float *from = w->saved + ((t * panels + u / WIDTH) * w->B + b) * planes * WIDTH;
    const ssize one_step = panels * w->B * planes * WIDTH;
#pragma GCC unroll 5
    for (int plane = 0; plane < planes; plane++) {
        values[plane] = NAME(load)(from + plane * WIDTH, WIDTH);
        __builtin_prefetch(from + plane * WIDTH - one_step, 0, 2); /* the step to come, which is the earlier one */
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

#define EACH_UNIT(back, ...)                                               \
    do {                                                                   \
        ssize u = 0;                                                        \
        for (; u + WIDTH <= H; u += WIDTH) back(w, t, b, u, WIDTH, __VA_ARGS__); \
        if (u < H) back(w, t, b, u, H - u, __VA_ARGS__);                     \
    } while (0)

TARGET static void NAME(backward)(const window_back *w, ssize low, ssize high) {
    const ssize H = w->H, planes = d_planes_of[w->cell];
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

/* ---- speaking ------------------------------------------------------------------------------------------------- */

/* Lanes low … high of `w`; of each matrix only share `part` of `parts`, whose threads wait for each other at `barrier`. */
TARGET static void NAME(speak)(speech *w, ssize low, ssize high, ssize part, ssize parts, thread_barrier *barrier, double *heights) {
    const ssize H = w->H;
    for (ssize t = 0; t < w->length; t++) {
        const int now = t % 2, next = 1 - now;
        const float *below = NULL;
        for (ssize l = 0; l < w->layers; l++) {
            const spoken_layer *layer = w->layer + l;
            if (l) {
                const ssize panels = layer->w_in.panels;
                NAME(product)(
                    &layer->w_in, below, H, w->x, 0, low, high, panels * part / parts, panels * (part + 1) / parts
                );
                wait_for_all(barrier, parts);
            }
            NAME(moment) s = {
                .w_h = &layer->w_h,
                .B = w->B,
                .H = H,
                .x = l ? w->x : w->table,
                .rows = l ? NULL : w->symbols + t * w->B,
                .h_before = layer->h[now],
                .h = layer->h[next],
                .c_before = layer->c[now],
                .c = layer->c[next],
            };
            const ssize panels = layer->w_h.panels;
            NAME(step)(w->cell, &s, low, high, panels * part / parts, panels * (part + 1) / parts);
            wait_for_all(barrier, parts);
            below = layer->h[next];
        }
        const ssize panels = w->readout.panels;
        NAME(product)(
            &w->readout, below, H, w->logits, 0, low, high, panels * part / parts, panels * (part + 1) / parts
        );
        wait_for_all(barrier, parts);
        if (part == 0)
            for (ssize b = low; b < high; b++) {
                float *logits = w->logits + b * w->V;
                int64_t symbol = pick(logits, w->V, w->temp, w->silent, w->draws[t * w->B + b], heights);
                if (symbol < 0) {
                    atomic_store(&w->nan, 1);
                    atomic_store(&w->stop, 1);
                }
                w->symbols[(t + 1) * w->B + b] = symbol < 0 ? 0 : symbol;
            }
        if (low == 0 && part == 0 && t % 32 == 31 && w->interrupted()) atomic_store(&w->stop, 1);
        wait_for_all(barrier, parts);
        if (atomic_load(&w->stop)) return;
    }
}

#undef INLINE
#undef VEC
#undef BITS
#undef EACH_TILE
#undef EACH_PANEL
#undef EACH_UNIT
