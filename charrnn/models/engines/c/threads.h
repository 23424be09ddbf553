/* Threads: run the parts of a job at once, and let them wait for each other.

   Where torch has loaded an OpenMP into the process, the threads of that OpenMP run the parts: they are awake, and
   they keep the cores busy for a while after torch's last product, so that threads of this extension would have to
   share the cores with them (measured: a layer's loop then takes half as long again).  The library is looked up by
   name in the running process, because a second OpenMP of our own would be slower still.  Without an OpenMP, threads
   are created for the one call. */
#ifndef CHARRNN_THREADS_H
#define CHARRNN_THREADS_H

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

enum { MOST_THREADS = 256 };

/* A function that does part `part` of `parts` of a job. */
typedef void (*part_function)(void *job, ptrdiff_t part, ptrdiff_t parts);

typedef struct {
    part_function work;
    void *job;
    atomic_ptrdiff_t parts; /* 0 until the number of threads is known */
} team;

typedef struct {
    team *team;
    ptrdiff_t part;
} member;

static void *run_member(void *given) {
    member *self = given;
    ptrdiff_t parts;
    while (!(parts = atomic_load(&self->team->parts))) sched_yield();
    self->team->work(self->team->job, self->part, parts);
    return NULL;
}

/* The OpenMP of the process: three functions of one library, or none. */
static struct {
    void (*parallel)(void (*)(void *), void *, unsigned, unsigned);
    int (*part)(void), (*parts)(void);
} openmp;

/* A forked child has none of the OpenMP threads and would wait for them for ever. */
static void forget_openmp(void) { openmp.parallel = NULL; }

static void find_openmp(void) {
    static const char *const names[] = {"GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads"};
    void *found[3];
    Dl_info where[3];
    for (int i = 0; i < 3; i++) {
        found[i] = dlsym(RTLD_DEFAULT, names[i]);
        if (!found[i] || !dladdr(found[i], &where[i]) || where[i].dli_fbase != where[0].dli_fbase) return;
    }
    *(void **)&openmp.part = found[1];
    *(void **)&openmp.parts = found[2];
    *(void **)&openmp.parallel = found[0];
    pthread_atfork(NULL, NULL, forget_openmp);
}

static void run_openmp_part(void *given) {
    team *all = given;
    all->work(all->job, openmp.part(), openmp.parts());
}

/* Run a job in `wanted` parts at once, one of them on this thread; in fewer parts if fewer threads can be had. */
static void run_parts(part_function work, void *job, ptrdiff_t wanted) {
    team all = {.work = work, .job = job};
    if (wanted > MOST_THREADS) wanted = MOST_THREADS;
    if (wanted <= 1) {
        work(job, 0, 1);
        return;
    }
    if (openmp.parallel) {
        openmp.parallel(run_openmp_part, &all, (unsigned)wanted, 0);
        return;
    }
    pthread_t threads[MOST_THREADS];
    member members[MOST_THREADS];
    ptrdiff_t parts = 1;
    sigset_t every, before;
    sigfillset(&every); /* signals go to Python's own threads */
    pthread_sigmask(SIG_SETMASK, &every, &before);
    for (; parts < wanted; parts++) {
        members[parts] = (member){&all, parts};
        if (pthread_create(&threads[parts], NULL, run_member, &members[parts])) break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    atomic_store(&all.parts, parts);
    work(job, 0, parts);
    for (ptrdiff_t part = 1; part < parts; part++) pthread_join(threads[part], NULL);
}

/* A barrier for the parts of a job.  A waiting thread spins, because the others arrive within microseconds, and yields
   its core after a while. */
typedef struct {
    atomic_ptrdiff_t arrived;
    atomic_size_t round;
} thread_barrier;

static inline void wait_for_all(thread_barrier *barrier, ptrdiff_t parts) {
    if (parts == 1) return;
    size_t round = atomic_load(&barrier->round);
    if (atomic_fetch_add(&barrier->arrived, 1) + 1 == parts) {
        atomic_store(&barrier->arrived, 0);
        atomic_store(&barrier->round, round + 1);
        return;
    }
    for (size_t spins = 0; atomic_load(&barrier->round) == round; spins++)
        if (spins > 5000) sched_yield();
}

#endif
