/* Who runs the parts of a job at once.

   Where torch brought an OpenMP into the process, its threads do: they are awake, and until they have spun for a while
   after torch's last product they hold the cores, so that threads of our own would have to share with them (measured:
   a layer's loop then takes half as long again).  It is asked for by name in the running process; an OpenMP of our
   own would be a second one, which is worse still.  Elsewhere threads are made for the one call. */
#ifndef CHARRNN_THREADS_H
#define CHARRNN_THREADS_H

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

enum { MOST_THREADS = 256 };

/* Does part `part` of `parts` of a job. */
typedef void (*share)(void *job, ptrdiff_t part, ptrdiff_t parts);

typedef struct {
    share work;
    void *job;
    atomic_ptrdiff_t parts; /* 0 until it is known how many threads there are */
} crew;

typedef struct {
    crew *all;
    ptrdiff_t part;
} member;

static void *run_member(void *given) {
    member *self = given;
    ptrdiff_t parts;
    while (!(parts = atomic_load(&self->all->parts))) sched_yield();
    self->all->work(self->all->job, self->part, parts);
    return NULL;
}

/* The OpenMP that is in the process: all three of one library, or none. */
static struct {
    void (*parallel)(void (*)(void *), void *, unsigned, unsigned);
    int (*part)(void), (*parts)(void);
} openmp;

/* After a fork the child has none of its threads, and would wait for them for ever. */
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

static void run_team(void *given) {
    crew *all = given;
    all->work(all->job, openmp.part(), openmp.parts());
}

/* Runs a job in `wanted` parts at once, one of them on this thread; in fewer if there are not so many threads. */
static void run_parts(share work, void *job, ptrdiff_t wanted) {
    crew all = {.work = work, .job = job};
    if (wanted > MOST_THREADS) wanted = MOST_THREADS;
    if (wanted <= 1) {
        work(job, 0, 1);
        return;
    }
    if (openmp.parallel) {
        openmp.parallel(run_team, &all, (unsigned)wanted, 0);
        return;
    }
    pthread_t threads[MOST_THREADS];
    member members[MOST_THREADS];
    ptrdiff_t parts = 1;
    sigset_t every, before;
    sigfillset(&every); /* signals are for Python's own threads */
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

/* Where `parts` threads meet: nobody goes on before all have come.  It spins, because they come within microseconds,
   and lets others run when somebody is late. */
typedef struct {
    atomic_ptrdiff_t here;
    atomic_size_t meeting;
} thread_barrier;

static inline void wait_for_all(thread_barrier *barrier, ptrdiff_t parts) {
    if (parts == 1) return;
    size_t meeting = atomic_load(&barrier->meeting);
    if (atomic_fetch_add(&barrier->here, 1) + 1 == parts) {
        atomic_store(&barrier->here, 0);
        atomic_store(&barrier->meeting, meeting + 1);
        return;
    }
    for (size_t spins = 0; atomic_load(&barrier->meeting) == meeting; spins++)
        if (spins > 5000) sched_yield();
}

#endif
