/* SPDX-License-Identifier: MIT */
/* The same in C++. Each header is named, for each must compile as C++ by itself and together with the others. */
#include <weft/attr.h>
#include <weft/chan.h>
#include <weft/error.h>
#include <weft/fd.h>
#include <weft/group.h>
#include <weft/runtime.h>
#include <weft/scope.h>
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
