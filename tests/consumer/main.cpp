/* SPDX-License-Identifier: MIT */
/* The same in C++. Each header is named, for each must compile as C++ by itself and together with the others. */
#include <weft/attr.h>
#include <weft/call.h>
#include <weft/chan.h>
#include <weft/error.h>
#include <weft/fd.h>
#include <weft/group.h>
#include <weft/interval.h>
#include <weft/join.h>
#include <weft/park.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/stats.h>
#include <weft/task.h>
#include <weft/tcp.h>
#include <weft/time.h>
#include <weft/version.h>

#include <weft.h>

#include <cstdio>
#include <cstring>
#include <numeric>
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
    *static_cast<int *>(arg) = std::accumulate(numbers.begin(), numbers.end(), 0);
    return rc;
}

} // namespace

int main()
{
    if (std::strcmp(weft_version(), WEFT_VERSION_STRING) != 0)
        return 1;
    int sum = 0;
    int status = weft_main(app, &sum);
    std::printf("weft %s: %d\n", weft_version(), sum);
    return status != 0 || sum != 30;
}
