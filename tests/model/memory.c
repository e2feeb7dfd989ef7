/* SPDX-License-Identifier: MIT */
#include "tests/model/memory.h"

#include <string.h>

#include "tests/model/internal.h"

enum { LOCATIONS = 8192, ARENA = 4 << 20, GRAIN = 16, POISON = 0xdb };

struct clock {
    uint32_t of[MODEL_THREADS];
};

struct message {
    uint64_t value;
    struct clock known;   /* since which of its own times each thread knows of it; NEVER: it does not */
    struct clock release; /* what an acquire that reads it learns */
};

#define NEVER UINT32_MAX

struct location {
    uintptr_t address; /* of this run only if `run` is */
    uint32_t run;
    uint32_t size;
    uint32_t newest, oldest; /* message numbers; number n lies at n % MODEL_HISTORY */
    uint32_t seq_cst;        /* the newest that a seq_cst access has read or written */
    struct message history[MODEL_HISTORY];
};

/* The last plain accesses that began at a byte. A time counts from after the thread's last atomic access. */
struct cell {
    uint32_t run;
    uint32_t writer, written;
    struct clock read;
    uint32_t write_at, read_at; /* where in the program; of reads, the last */
};

static struct location locations[LOCATIONS];
static struct cell cells[ARENA];
static uint32_t freed[ARENA / GRAIN]; /* the run in which it was */
static char arena[ARENA] __attribute__((aligned(4096)));
static size_t arena_used;
static uint32_t run;
static struct clock clocks[MODEL_THREADS];
static struct clock fences; /* what all fences up to now knew */

static void join(struct clock *to, const struct clock *from)
{
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        if (to->of[i] < from->of[i])
            to->of[i] = from->of[i];
}

void model_memory_begin(void)
{
    run++;
    arena_used = 0;
    memset(clocks, 0, sizeof clocks);
    memset(&fences, 0, sizeof fences);
}

void model_memory_started(unsigned parent, unsigned child)
{
    clocks[parent].of[parent]++;
    join(&clocks[child], &clocks[parent]);
    clocks[parent].of[parent]++;
    clocks[child].of[child]++;
}

void model_memory_joined(unsigned by, unsigned ended)
{
    clocks[ended].of[ended]++;
    join(&clocks[by], &clocks[ended]);
}

/* All that a full fence on thread `t` can do: it knows what earlier fences knew, and later ones know what it knew. */
static void fence(unsigned t)
{
    clocks[t].of[t]++;
    join(&clocks[t], &fences);
    join(&fences, &clocks[t]);
    clocks[t].of[t]++;
}

void model_fence(void)
{
    fence(model_self());
}

void model_membarrier(void)
{
    unsigned n = model_thread_count(), first = model_choose(n);

    model_step();
    fence(model_self());
    for (unsigned i = 0; i < n; i++) {
        fence((first + i) % n);
        model_step();
    }
    /* Those that were started meanwhile: the system has a barrier where it switches to a thread. */
    for (unsigned i = n; i < model_thread_count(); i++) {
        fence(i);
        model_step();
    }
    fence(model_self());
}

/* Memory of the run. */

/* A block begins at a grain, and its size lies in the grain before it. */
void *model_alloc(size_t size, size_t align)
{
    size_t at;

    if (align < GRAIN)
        align = GRAIN;
    at = (arena_used + GRAIN + align - 1) & ~(align - 1);
    if (size > ARENA - at || at > ARENA)
        model_fail("the run has used %zu bytes of memory", at + size);
    arena_used = (at + size + GRAIN - 1) & ~(size_t)(GRAIN - 1);
    memcpy(arena + at - GRAIN, &size, sizeof size);
    return memset(arena + at, 0, size);
}

static size_t offset_of(uintptr_t p)
{
    return p - (uintptr_t)arena; /* ARENA or more: it is not of the arena */
}

static void check_alive(uintptr_t p, const char *what)
{
    size_t offset = offset_of(p);

    if (offset < ARENA && freed[offset / GRAIN] == run)
        model_fail("use after free: %s", what);
}

void model_free(void *p)
{
    size_t size, offset = offset_of((uintptr_t)p);

    if (p == NULL)
        return;
    if (offset >= ARENA || freed[offset / GRAIN] == run)
        model_fail("freed twice, or never allocated");
    memcpy(&size, (char *)p - GRAIN, sizeof size);
    memset(p, POISON, size);
    for (size_t at = offset; at < offset + size; at += GRAIN)
        freed[at / GRAIN] = run;
}

/* Atomic accesses. */

static uint64_t read_memory(uintptr_t p, size_t size)
{
    uint64_t value = 0;

    memcpy(&value, (const void *)p, size); /* little-endian, as x86-64 is */
    return value;
}

static uint64_t masked(uint64_t value, size_t size)
{
    return size == 8 ? value : value & (((uint64_t)1 << size * 8) - 1);
}

static struct message *message(struct location *l, uint32_t number)
{
    return &l->history[number % MODEL_HISTORY];
}

/* A history of one message that everybody knows: what the memory holds. */
static void restart(struct location *l, uintptr_t p, size_t size)
{
    l->address = p;
    l->run = run;
    l->size = (uint32_t)size;
    l->newest = l->oldest = l->seq_cst = 0;
    memset(&l->history[0], 0, sizeof l->history[0]);
    l->history[0].value = read_memory(p, size);
}

static struct location *find(uintptr_t p, size_t size, const struct model_site *site)
{
    struct location *l;
    size_t i = (size_t)((p >> 2) * 0x9e3779b97f4a7c15u >> 51) % LOCATIONS;

    check_alive(p, site->what);
    for (unsigned tries = 0; tries < LOCATIONS; tries++, i = (i + 1) % LOCATIONS) {
        l = &locations[i];
        if (l->run != run) {
            restart(l, p, size);
            return l;
        }
        if (l->address != p)
            continue;
        /* Memory that was given a new value by a plain write is a new object. */
        if (l->size != size || read_memory(p, size) != message(l, l->newest)->value)
            restart(l, p, size);
        return l;
    }
    model_fail("the run has more than %d atomic locations", LOCATIONS);
}

static bool acquires(memory_order order)
{
    return order == memory_order_acquire || order == memory_order_acq_rel || order == memory_order_seq_cst;
}

static bool releases(memory_order order)
{
    return order == memory_order_release || order == memory_order_acq_rel || order == memory_order_seq_cst;
}

static bool knows(const struct clock *mine, const struct message *m)
{
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        if (m->known.of[i] <= mine->of[i])
            return true;
    return false;
}

/* The calling thread reads this message. */
static uint64_t see(struct location *l, uint32_t number, memory_order order)
{
    unsigned me = model_self();
    struct message *m = message(l, number);

    if (m->known.of[me] == NEVER)
        m->known.of[me] = clocks[me].of[me];
    if (acquires(order))
        join(&clocks[me], &m->release);
    if (order == memory_order_seq_cst && l->seq_cst < number)
        l->seq_cst = number;
    return m->value;
}

static void append(struct location *l, uint64_t value, memory_order order, const struct clock *sequence)
{
    unsigned me = model_self();
    struct message *m = message(l, ++l->newest);

    if (l->newest - l->oldest >= MODEL_HISTORY)
        l->oldest = l->newest - MODEL_HISTORY + 1;
    m->value = value;
    memset(&m->known, 0xff, sizeof m->known);
    m->known.of[me] = clocks[me].of[me];
    m->release = *sequence;
    if (releases(order))
        join(&m->release, &clocks[me]);
    if (order == memory_order_seq_cst)
        l->seq_cst = l->newest;
    memcpy((void *)l->address, &value, l->size);
}

/* The message that a load gets. */
static uint32_t pick(struct location *l, memory_order order)
{
    const struct clock *mine = &clocks[model_self()];
    uint32_t floor = l->newest;

    while (floor > l->oldest && !knows(mine, message(l, floor)) &&
           !(order == memory_order_seq_cst && l->seq_cst >= floor))
        floor--;
    if (floor == l->newest || !model_chance(model_staleness()))
        return l->newest;
    return floor + model_choose(l->newest - floor);
}

uint64_t model_load(uintptr_t p, size_t size, memory_order order, const struct model_site *site)
{
    struct location *l;
    uint64_t value;
    uint32_t number;

    model_step();
    clocks[model_self()].of[model_self()]++;
    l = find(p, size, site);
    number = pick(l, order);
    value = see(l, number, order);
    model_trace("load", order, p, value, value, l->newest - number, site);
    return value;
}

static const struct clock nothing;

void model_store(uintptr_t p, size_t size, uint64_t value, memory_order order, const struct model_site *site)
{
    struct location *l;

    model_step();
    clocks[model_self()].of[model_self()]++;
    l = find(p, size, site);
    value = masked(value, size);
    model_trace("store", order, p, message(l, l->newest)->value, value, 0, site);
    append(l, value, order, &nothing);
}

/* The write of a read-modify-write goes on with the release sequence of what it read. */
static uint64_t modify(struct location *l, uint64_t value, memory_order order)
{
    uint64_t before = see(l, l->newest, order);
    struct clock sequence = message(l, l->newest)->release;

    append(l, value, order, &sequence);
    return before;
}

uint64_t model_rmw(uintptr_t p, size_t size, enum model_op op, uint64_t value, memory_order order,
                   const struct model_site *site)
{
    static const char *const names[] = {"exchange", "add", "sub", "or", "and"};
    struct location *l;
    uint64_t before, after = value;

    model_step();
    clocks[model_self()].of[model_self()]++;
    l = find(p, size, site);
    before = message(l, l->newest)->value;
    switch (op) {
    case MODEL_XCHG:
        break;
    case MODEL_ADD:
        after = before + value;
        break;
    case MODEL_SUB:
        after = before - value;
        break;
    case MODEL_OR:
        after = before | value;
        break;
    case MODEL_AND:
        after = before & value;
        break;
    }
    after = masked(after, size);
    model_trace(names[op], order, p, before, after, 0, site);
    return modify(l, after, order);
}

bool model_cas(uintptr_t p, size_t size, void *expected, uint64_t value, bool weak, memory_order order,
               memory_order failure, const struct model_site *site)
{
    struct location *l;
    uint64_t before, want = 0;

    model_step();
    clocks[model_self()].of[model_self()]++;
    l = find(p, size, site);
    before = message(l, l->newest)->value;
    memcpy(&want, expected, size);
    if (before == want && !(weak && model_has_company() && model_chance(24))) {
        model_trace("cas", order, p, before, masked(value, size), 0, site);
        (void)modify(l, masked(value, size), order);
        return true;
    }
    model_trace("cas failed", failure, p, before, before, 0, site);
    (void)see(l, l->newest, failure);
    memcpy(expected, &before, size);
    return false;
}

uint64_t model_read_newest(uintptr_t p, size_t size)
{
    static const struct model_site site = {__FILE__, __LINE__, "system call"};
    struct location *l = find(p, size, &site);

    return see(l, l->newest, memory_order_relaxed);
}

/* Plain accesses: what the compiler calls in code that is compiled with -fsanitize=thread. */

static struct cell *cell_of(size_t offset)
{
    struct cell *c = &cells[offset];

    if (c->run != run) {
        memset(c, 0, sizeof *c);
        c->run = run;
    }
    return c;
}

extern const char __executable_start[]; /* the linker's */

/* As addr2line(1) takes it. */
static uint32_t place(const void *pc)
{
    return (uint32_t)((const char *)pc - __executable_start - 1);
}

static void watch(const void *p, bool write, const void *pc)
{
    static const char where[] = "; see addr2line -e with the program";
    const char *what = write ? "write" : "read";
    size_t offset = offset_of((uintptr_t)p);
    unsigned me;
    struct cell *c;

    if (offset >= ARENA)
        return;
    if (freed[offset / GRAIN] == run)
        model_fail("use after free: a plain %s at 0x%x%s", what, place(pc), where);
    me = model_self();
    c = cell_of(offset);
    if (c->writer != me && c->written > clocks[me].of[c->writer])
        model_fail("data race: a plain %s at 0x%x, and a write by thread %u at 0x%x%s", what, place(pc), c->writer,
                   c->write_at, where);
    if (!write) {
        c->read.of[me] = clocks[me].of[me] + 1;
        c->read_at = place(pc);
        return;
    }
    for (unsigned i = 0; i < MODEL_THREADS; i++)
        if (i != me && c->read.of[i] > clocks[me].of[i])
            model_fail("data race: a plain write at 0x%x, and a read by thread %u, the last read at 0x%x%s", place(pc),
                       i, c->read_at, where);
    c->writer = me;
    c->written = clocks[me].of[me] + 1;
    c->write_at = place(pc);
}

#define HOOK(name, write)                                                                                              \
    void name(void *p);                                                                                                \
    void name(void *p)                                                                                                 \
    {                                                                                                                  \
        watch(p, write, __builtin_return_address(0));                                                                  \
    }
#define HOOKS(size)                                                                                                    \
    HOOK(__tsan_read##size, false)                                                                                     \
    HOOK(__tsan_write##size, true)                                                                                     \
    HOOK(__tsan_unaligned_read##size, false)                                                                           \
    HOOK(__tsan_unaligned_write##size, true)

HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)

void __tsan_init(void);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void __tsan_read_range(void *p, unsigned long size);
void __tsan_write_range(void *p, unsigned long size);
void *__tsan_memset(void *p, int c, size_t n);
void *__tsan_memcpy(void *to, const void *from, size_t n);
void *__tsan_memmove(void *to, const void *from, size_t n);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void)
{
}

void __tsan_read_range(void *p, unsigned long size)
{
    (void)p;
    (void)size;
}

void __tsan_write_range(void *p, unsigned long size)
{
    (void)p;
    (void)size;
}

void *__tsan_memset(void *p, int c, size_t n)
{
    return memset(p, c, n);
}

void *__tsan_memcpy(void *to, const void *from, size_t n)
{
    return memcpy(to, from, n);
}

void *model_memcpy(void *to, const void *from, size_t n);

/* Takes the place of memcpy() where the compiler makes a call of it, which it does not announce. */
void *model_memcpy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i += GRAIN) {
        watch((const char *)from + i, false, __builtin_return_address(0));
        watch((const char *)to + i, true, __builtin_return_address(0));
    }
    return memcpy(to, from, n);
}

void *__tsan_memmove(void *to, const void *from, size_t n)
{
    return memmove(to, from, n);
}
