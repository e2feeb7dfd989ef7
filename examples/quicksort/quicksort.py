# SPDX-License-Identifier: MIT
"""The twin of quicksort.c. One interpreter computes on one core, so that the parts go to processes, and are copied on the way."""
import asyncio
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor


def partition(numbers):
    pivot = numbers[(len(numbers) - 1) // 2]
    return ([n for n in numbers if n < pivot], [n for n in numbers if n == pivot], [n for n in numbers if n > pivot])


def sort_plainly(numbers):
    if len(numbers) < 2:
        return numbers
    low, same, high = partition(numbers)
    return sort_plainly(low) + same + sort_plainly(high)


async def sort(pool, numbers, small):
    if len(numbers) <= small:
        return await asyncio.get_running_loop().run_in_executor(pool, sort_plainly, numbers)
    low, same, high = partition(numbers)
    low, high = await asyncio.gather(sort(pool, low, small), sort(pool, high, small))
    return low + same + high


async def main(count):
    numbers, random = [], 1
    for _ in range(count):
        random = (random * 1103515245 + 12345) % 2147483648
        numbers.append(random)

    workers = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(workers) as pool:
        begin = time.monotonic()
        a = await sort(pool, numbers, count // (4 * workers) + 1)
        parallel = time.monotonic() - begin
    begin = time.monotonic()
    b = sort_plainly(numbers)
    plain = time.monotonic() - begin
    assert a == b
    print(f"{count} numbers from {a[0]} by way of {a[count // 2]} to {a[-1]}")
    print(f"{parallel * 1000:.0f} ms on {workers} processes, {plain * 1000:.0f} ms in a row:"
          f" {plain / parallel:.2f} times as fast")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 400000))
