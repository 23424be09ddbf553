/* The instruction sets: the kernels compiled for each one, and matrices packed for the one in use. */
#ifndef CHARRNN_SETS_H
#define CHARRNN_SETS_H

#include "stack.h"
#include "threads.h"
#include "window.h"

typedef struct {
    const char *name;
    ssize (*padded)(ssize);
    ssize (*pack_size)(packed *);
    void (*pack)(const packed *, const float *, ssize, ssize, const float *);
    void (*forward)(const window *, ssize, ssize);
    void (*backward)(const window_back *, ssize, ssize);
    void (*read)(const stack *, const int64_t *, float *, int, ssize, ssize, ssize, ssize, thread_barrier *);
    void (*draw)(const stack *, drawing *, ssize, ssize, ssize, ssize, thread_barrier *, choice_room);
} kernels;

#define KERNELS(set) \
    { #set, padded_##set, pack_size_##set, pack_##set, forward_##set, backward_##set, read_##set, draw_##set }

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

/* The set of every compiler: SSE2 on x86, NEON on ARM. */
#define NAME(x) x##_baseline
#define TARGET
#define WIDTH 4
#if defined(__aarch64__)
#define TILE 8
#else
#define TILE 4
#endif
#include "kernels.h"

/* The sets that this processor has, best first, ended by NULL; filled when the module is created. */
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

static const kernels *named_set(const char *name) {
    for (int i = 0; sets[i]; i++)
        if (!strcmp(sets[i]->name, name)) return sets[i];
    PyErr_Format(PyExc_ValueError, "this processor has no instruction set '%s' that is built in", name);
    return NULL;
}

/* Return how many of `threads` are worth their start, for `products` multiplications on `lanes` lanes. */
static ssize worth(ssize threads, ssize lanes, double products) {
    ssize most = 1 + (ssize)(products / 5e5);
    if (threads > most) threads = most;
    if (threads > lanes) threads = lanes;
    return threads < 1 ? 1 : threads;
}

/* ---- packed matrices: each function returns 0 if there is no memory ------------------------------------------- */

static int make_packed(const kernels *set, packed *m, const float *w, ssize by_output, ssize by_k, const float *bias) {
    /* A page's alignment, so that no vector crosses a cache line and the system may use large pages. */
    ssize bytes = 4 * set->pack_size(m);
    bytes = (bytes + 4095) / 4096 * 4096;
    m->data = aligned_alloc(4096, bytes ? bytes : 4096);
    if (m->data) set->pack(m, w, by_output, by_k, bias);
    return m->data != NULL;
}

/* Pack a recurrent matrix (G·H, H), the gates of a unit side by side. */
static int pack_gates(const kernels *set, packed *m, enum cell cell, ssize H, const float *w, const float *bias) {
    ssize gates = cells[cell].gates;
    *m = (packed){.outputs = H, .K = H, .groups = gates, .vectors = gates == 1 ? PLAIN : gates};
    return make_packed(set, m, w, H, 1, bias);
}

/* Pack a plain matrix (outputs, K). */
static int pack_plain(const kernels *set, packed *m, ssize outputs, ssize K, const float *w, const float *bias) {
    *m = (packed){.outputs = outputs, .K = K, .groups = 1, .vectors = PLAIN};
    return make_packed(set, m, w, K, 1, bias);
}

/* Pack the transpose of a recurrent matrix (G·H, H), its gates in the order of d_gates. */
static int pack_transposed(const kernels *set, packed *m, enum cell cell, ssize H, const float *w) {
    ssize K = cells[cell].gates * H;
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

#endif
