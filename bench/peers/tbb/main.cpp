// SPDX-License-Identifier: MIT
// fib and joinfib on oneTBB: `bench-tbb CASE [K]` prints `name value`.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_invoke.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

using fib_function = std::uint64_t (*)(std::uint64_t);

// One half is spawned into a group and the other computed in place, as weft's `fib` does. Each group has its own scope
// of cancellation, as weft's have.
static std::uint64_t fib(std::uint64_t n)
{
    if (n < 2)
        return n;
    std::uint64_t half;
    tbb::task_group group;
    group.run([&half, n] { half = fib(n - 1); });
    std::uint64_t other = fib(n - 2);
    group.wait();
    return half + other;
}

// The fastest that TBB has: one context for all, which halves the time, as a weft_join() opens no scope either. A
// task_group that shares the context costs more than parallel_invoke.
static tbb::task_group_context *context;

static std::uint64_t joinfib(std::uint64_t n)
{
    if (n < 2)
        return n;
    std::uint64_t half, other;
    tbb::parallel_invoke([&half, n] { half = joinfib(n - 1); }, [&other, n] { other = joinfib(n - 2); }, *context);
    return half + other;
}

static std::uint64_t fib_plain(std::uint64_t n)
{
    std::uint64_t a = 0, b = 1;
    for (; n > 0; n--)
        b = std::exchange(a, b) + b;
    return a;
}

static double timed(fib_function f, std::uint64_t k, std::uint64_t iterations)
{
    auto start = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < iterations; i++) {
        if (f(k) != fib_plain(k)) {
            std::fputs("fib: wrong result\n", stderr);
            std::exit(1);
        }
    }
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
}

// The same rule as bench/common/meter.c: warm up, repeat a batch for most of a second, take the median batch.
static double measure(fib_function f, std::uint64_t k)
{
    std::uint64_t iterations = 1;
    for (double total = 0;;) {
        double took = timed(f, k, iterations);
        total += took;
        if (took < 25e6)
            iterations *= 2;
        else if (total >= 100e6)
            break;
    }
    std::vector<double> samples;
    for (double total = 0; total < 3e9 && (total < 700e6 || samples.size() < 3);) {
        double took = timed(f, k, iterations);
        total += took;
        samples.push_back(took / static_cast<double>(iterations));
    }
    std::sort(samples.begin(), samples.end());
    return (samples[(samples.size() - 1) / 2] + samples[samples.size() / 2]) / 2;
}

static int usage(std::FILE *out, int status)
{
    std::fputs("fib [K]\njoinfib [K]\n", out);
    return status;
}

int main(int argc, char **argv)
{
    if (argc == 2 && std::strcmp(argv[1], "--list") == 0)
        return usage(stdout, 0);
    if (argc < 2 || argc > 3)
        return usage(stderr, 2);
    fib_function f = std::strcmp(argv[1], "fib") == 0 ? fib : std::strcmp(argv[1], "joinfib") == 0 ? joinfib : nullptr;
    std::uint64_t k = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 27;
    if (f == nullptr || k < 2 || k > 40)
        return usage(stderr, 2);

    // Zero means every CPU.
    const char *text = std::getenv("WEFT_WORKERS");
    int workers = text != nullptr ? std::atoi(text) : 0;
    if (workers <= 0)
        workers = tbb::info::default_concurrency();
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(workers));
    tbb::task_arena arena(workers);
    double ns = 0;
    tbb::task_group_context shared;
    context = &shared;
    arena.execute([&] { ns = measure(f, k); });
    std::printf("%s %.3f\n", argv[1], ns / static_cast<double>(fib_plain(k + 1) - 1));
    return 0;
}
