/* SPDX-License-Identifier: MIT */
/* The same in C++, and what is particular to it: typed spawns, lambdas, exceptions. Each header is named, for each must compile as
 * C++ by itself and together with the others. */
#include <weft/attr.h>
#include <weft/barrier.h>
#include <weft/batch.h>
#include <weft/blocking.h>
#include <weft/broadcast.h>
#include <weft/call.h>
#include <weft/chan.h>
#include <weft/chan_typed.h>
#include <weft/combine.h>
#include <weft/condition.h>
#include <weft/error.h>
#include <weft/event.h>
#include <weft/fd.h>
#include <weft/future.h>
#include <weft/group.h>
#include <weft/interval.h>
#include <weft/join.h>
#include <weft/latch.h>
#include <weft/local.h>
#include <weft/mutex.h>
#include <weft/notify.h>
#include <weft/once.h>
#include <weft/park.h>
#include <weft/queue.h>
#include <weft/resource_pool.h>
#include <weft/retry.h>
#include <weft/runtime.h>
#include <weft/rwlock.h>
#include <weft/scope.h>
#include <weft/select.h>
#include <weft/semaphore.h>
#include <weft/stats.h>
#include <weft/task.h>
#include <weft/tcp.h>
#include <weft/time.h>
#include <weft/typed.h>
#include <weft/version.h>
#include <weft/watch.h>

#include <weft.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace
{

int square(void *arg)
{
    int *n = static_cast<int *>(arg);
    int rc = weft_sleep_ms(1);
    *n *= *n;
    return rc;
}

/* A call that comes later wakes the task. */
int wake(void *arg)
{
    return weft_unpark(*static_cast<weft_waiter *>(arg)) ? 0 : WEFT_EINVAL;
}

int wait_for_call()
{
    weft_waiter waiter;
    weft_call never;
    weft_interval every;
    int rc = weft_park_enter();

    if (rc == 0)
        rc = weft_park_prepare(&waiter);
    if (rc == 0)
        rc = weft_call_later(1, wake, &waiter, nullptr);
    if (rc == 0)
        rc = weft_park(&waiter);
    if (rc == 0)
        rc = weft_call_later(60000, wake, &waiter, &never);
    if (rc == 0)
        rc = weft_call_cancel(never);
    if (rc == 0)
        rc = weft_interval_init_ms(&every, 1, WEFT_MISSED_SKIP);
    for (int i = 0; rc == 0 && i < 3; i++)
        rc = weft_interval_tick(&every, nullptr);
    return rc;
}

/* What lies in the storage of others has the size that its header says, and begins life statically. */
static_assert(sizeof(weft_mutex) == 48 && sizeof(weft_rwlock) == 64 && sizeof(weft_condition) == 24, "locks");
static_assert(sizeof(weft_semaphore) == 40 && sizeof(weft_event) == 24 && sizeof(weft_notify) == 32, "signals");
static_assert(sizeof(weft_barrier) == 32 && sizeof(weft_latch) == 32 && sizeof(weft_once) == 32, "meeting places");
static_assert(sizeof(weft_future) == 40 && sizeof(weft_watch) == 48 && sizeof(weft_subscriber) == 16, "values");
static_assert(sizeof(weft_watch_reader) == 8 && sizeof(weft_case) == 48, "readers and cases");

int price = 10;
weft_mutex mutex = WEFT_MUTEX_INIT;
weft_rwlock rwlock = WEFT_RWLOCK_INIT;
weft_condition condition = WEFT_CONDITION_INIT;
weft_once once = WEFT_ONCE_INIT;
weft_semaphore semaphore = WEFT_SEMAPHORE_INIT(2), bounded = WEFT_BOUNDED_SEMAPHORE_INIT(2);
weft_event event = WEFT_EVENT_INIT;
weft_notify notify = WEFT_NOTIFY_INIT;
weft_barrier barrier = WEFT_BARRIER_INIT(1);
weft_latch latch = WEFT_LATCH_INIT(1);
weft_watch prices = WEFT_WATCH_INIT(price);

int change_price(void *arg)
{
    price += *static_cast<int *>(arg);
    return 0;
}

int synchronise()
{
    int answer = 0, more = 5, seen = 0;
    weft_future future = WEFT_FUTURE_INIT(answer);
    weft_watch_reader reader{};
    int rc = weft_mutex_lock(&mutex);

    if (rc == 0)
        rc = weft_condition_wait_for(
            &condition, &mutex, [](void *) { return true; }, nullptr);
    if (rc == 0)
        rc = weft_mutex_unlock(&mutex);
    if (rc == 0)
        rc = weft_rwlock_write_lock(&rwlock);
    if (rc == 0)
        rc = weft_once_do(&once, change_price, &more);
    if (rc == 0)
        rc = weft_rwlock_write_unlock(&rwlock);
    if (rc == 0)
        rc = weft_semaphore_acquire_n(&semaphore, 2);
    if (rc == 0)
        rc = weft_semaphore_acquire(&bounded);
    if (rc == 0)
        rc = weft_semaphore_release(&bounded);
    weft_event_set(&event);
    if (rc == 0)
        rc = weft_event_wait(&event);
    weft_notify_one(&notify);
    if (rc == 0)
        rc = weft_notify_wait(&notify);
    if (rc == 0)
        rc = weft_barrier_wait(&barrier);
    if (rc == 0)
        rc = weft_latch_arrive_and_wait(&latch);
    if (rc == 0)
        rc = weft_watch_changed(&prices, &reader, &seen);
    if (rc == 0)
        rc = weft_future_set(&future, &seen);
    if (rc == 0)
        rc = weft_future_wait(&future, nullptr);
    return rc != 0 ? rc : answer == 15 ? 0 : WEFT_EINVAL;
}

int select_something()
{
    weft_chan *chan = weft_chan_create(sizeof(int), 1);
    int item = 0, mine = 3;
    weft_case cases[] = {WEFT_RECV(chan, &item),     WEFT_SEND(chan, &mine), WEFT_AFTER_MS(60000), WEFT_JOIN(nullptr),
                         WEFT_FD(-1, WEFT_READABLE), WEFT_EVENT(nullptr),    WEFT_DEFAULT};

    cases[3] = weft_case{};
    int first = weft_select(cases, 7), second = weft_select_biased(cases, 7);
    weft_chan_destroy(chan);
    return first == 1 && second == 0 && item == 3 ? 0 : WEFT_EINVAL;
}

int app(void *arg)
{
    std::vector<int> numbers{1, 2, 3, 4};
    weft_group_options options{};
    options.deadline = weft_after_ms(60000);

    weft_group *g = weft_group_open(&options);
    for (int &n : numbers)
        weft_spawn(g, square, &n);
    int rc = weft_group_wait(g);
    weft_group_close(g);
    if (rc == 0)
        rc = wait_for_call();
    if (rc == 0)
        rc = select_something();
    if (rc == 0)
        rc = synchronise();
    *static_cast<int *>(arg) = std::accumulate(numbers.begin(), numbers.end(), 0);
    return rc;
}

/* Says where something is not as it should be. */
#define EXPECT(x) (static_cast<void>((x) || (std::printf("line %d: not so: %s\n", __LINE__, #x), failures++)))
std::atomic<int> failures{0};

struct page {
    std::string url;
    int bytes;
};

int fetch(page *p)
{
    p->url += "/index";
    p->bytes = static_cast<int>(p->url.size());
    return weft_yield();
}

extern "C" int look(const page *p)
{
    return p->bytes == 8 ? 0 : -1;
}

struct point {
    int x, y;
};

std::atomic<int> sum{0};

int add_point(point *p)
{
    sum += p->x * p->y;
    p->x = 0; /* its own copy */
    return 0;
}

int typed_spawn(void *)
{
    page a{"/a", 0}, b{"/b", 0};
    const point p{3, 4};
    weft_group *g = weft_group_open(nullptr);

    EXPECT(WEFT_SPAWN(g, fetch, &a) == 0);
    EXPECT(WEFT_SPAWN_WITH(g, fetch, &b, nullptr) == 0);
    EXPECT(WEFT_SPAWN_COPY(g, add_point, p) == 0);
    EXPECT(WEFT_SPAWN_COPY(g, add_point, point{5, 6}) == 0);
    EXPECT(weft_group_wait(g) == 0);
    EXPECT(a.url == "/a/index" && a.bytes == 8 && b.bytes == 8 && sum == 12 + 30);
    EXPECT(WEFT_SPAWN(g, look, &a) == 0);
    EXPECT(WEFT_SPAWN(g, square, &a.bytes) == 0); /* void * takes everything */
    EXPECT(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

/* The type is the same in a function's parameter, and may be hidden behind another name. */
using points_type = WEFT_CHAN(point);

int send_points(points_type points)
{
    const point constant{1, 2};
    point several[2] = {{3, 4}, {5, 6}};

    EXPECT(WEFT_CHAN_SEND(points, &constant) == 0);
    EXPECT(WEFT_CHAN_SEND_MANY(points, several, 2) == 2);
    EXPECT(WEFT_CHAN_TRY_SEND(points, &constant) == WEFT_EFULL);
    return weft_chan_close(WEFT_CHAN_OF(points));
}

int typed_channels(void *)
{
    WEFT_CHAN(point) points = WEFT_CHAN_CREATE(point, 3);
    point p{0, 0}, rest[4];

    EXPECT(points != nullptr);
    EXPECT(send_points(points) == 0);
    EXPECT(WEFT_CHAN_RECV(points, &p) == 0);
    EXPECT(p.x == 1 && p.y == 2);
    EXPECT(WEFT_CHAN_RECV_MANY(points, rest, 4) == 2);
    EXPECT(rest[0].x == 3 && rest[1].y == 6);
    EXPECT(WEFT_CHAN_TRY_RECV(points, &p) == WEFT_ECLOSED);
    EXPECT(weft_chan_destroy(WEFT_CHAN_OF(points)) == 0);
    return 0;
}

int lambdas(void *)
{
    std::vector<int> numbers{1, 2, 3};
    weft_group *g = weft_group_open(nullptr);

    for (int &n : numbers)
        weft_spawn(
            g,
            [](void *arg) -> int {
                *static_cast<int *>(arg) *= 10;
                return 0;
            },
            &n);
    EXPECT(weft_group_wait(g) == 0);
    weft_group_close(g);
    EXPECT((numbers == std::vector<int>{10, 20, 30}));
    return 0;
}

int sleep_long(void *)
{
    return weft_sleep_ms(1000000);
}

int leave_a_block(void *)
{
    WEFT_GROUP(g, nullptr)
    {
        EXPECT(weft_spawn(g, sleep_long, nullptr) == 0);
        return 7; /* cancels and joins */
    }
    return 0;
}

int handles(void *)
{
    page p{"", 0};

    WEFT_GROUP(g, nullptr)
    {
        weft_task *t = WEFT_SPAWN_TASK(g, fetch, &p, nullptr);
        EXPECT(weft_wait(&t, 1, WEFT_FIRST_COMPLETED) == 0);
        EXPECT(weft_task_join(t) == 0);
        weft_task_release(t);
        EXPECT(p.url == "/index");
        EXPECT(weft_group_wait(g) == 0);
    }
    EXPECT(leave_a_block(nullptr) == 7);
    return 0;
}

/* A batch answers for those who ask. */
int answer(void *const *items, int *codes, std::size_t count, void *)
{
    for (std::size_t i = 0; i < count; i++)
        codes[i] = *static_cast<int *>(items[i]) * 2;
    return 0;
}

int batched(void *)
{
    int n = 21;
    weft_group *g = weft_group_open(nullptr);
    weft_batcher *b = weft_batcher_create(g, answer, nullptr, nullptr);

    EXPECT(weft_batch(b, &n) == 42);
    EXPECT(weft_group_wait(g) == 0);
    weft_batcher_destroy(b);
    weft_group_close(g);
    return 0;
}

int combined(void *)
{
    std::vector<page> pages(20, page{"", 0});
    std::vector<int> codes(2, 1);
    weft_map_options map{};
    weft_retry_options retry{};
    int calls = 0, n = 3;
    weft_fn fns[] = {[](void *) { return -5; }, [](void *) { return 0; }};

    map.limit = 3;
    EXPECT(WEFT_MAP(pages.data(), pages.size(), fetch, &map) == 0);
    for (const page &p : pages)
        EXPECT(p.url == "/index");
    EXPECT(weft_gather(2, fns, nullptr, codes.data()) == -5);
    EXPECT(codes[0] == -5 && codes[1] == 0);
    EXPECT(weft_race(2, fns, nullptr) == 1);
    retry.times = 4;
    retry.first_ms = 1;
    retry.jitter = true;
    EXPECT(weft_retry([](void *arg) { return ++*static_cast<int *>(arg) < 3 ? -5 : 0; }, &calls, &retry) == 0);
    EXPECT(calls == 3);
    EXPECT(weft_retry(WEFT_FN(square, &n), &n, nullptr) == 0);
    EXPECT(n == 9);
    return 0;
}

/* Throws after a suspension, and catches: the unwinding crosses none. */
int throw_and_catch(void *)
{
    for (int i = 0; i < 20; i++) {
        try {
            std::string on_the_way(100, 'x');
            EXPECT(weft_yield() == 0);
            EXPECT(weft_sleep_ms(i % 2) == 0);
            throw std::runtime_error(on_the_way);
        } catch (const std::runtime_error &e) {
            EXPECT(std::strlen(e.what()) == 100);
        }
        EXPECT(weft_yield() == 0);
    }
    return 0;
}

int exceptions(void *)
{
    weft_group *g = weft_group_open(nullptr);

    for (int i = 0; i < 50; i++)
        weft_spawn(g, throw_and_catch, nullptr);
    EXPECT(weft_group_wait(g) == 0);
    weft_group_close(g);
    return 0;
}

/* One that leaves a typed task, whose parent would catch it, ends the program. */
int leave(page *)
{
    throw 1;
}

int let_one_leave(void *)
{
    page p{"", 0};
    weft_group *g = weft_group_open(nullptr);

    try {
        WEFT_SPAWN(g, leave, &p);
        weft_group_wait(g);
    } catch (int) {
        std::puts("caught");
    }
    weft_group_close(g);
    return 0;
}

void say_that_it_ends()
{
    std::puts("terminated");
    std::fflush(stdout);
    std::_Exit(0);
}

} // namespace

int main(int argc, char **argv)
{
    if (std::strcmp(weft_version(), WEFT_VERSION_STRING) != 0)
        return 1;
    if (argc > 1 && std::strcmp(argv[1], "throw") == 0) {
        std::set_terminate(say_that_it_ends);
        return weft_main(let_one_leave, nullptr);
    }
    int sum_of_squares = 0;
    int status = weft_main(app, &sum_of_squares);
    for (weft_fn fn : {typed_spawn, typed_channels, lambdas, handles, batched, combined, exceptions})
        EXPECT(weft_main(fn, nullptr) == 0);
    std::printf("weft %s: %d\n", weft_version(), sum_of_squares);
    return status != 0 || sum_of_squares != 30 || failures != 0;
}
