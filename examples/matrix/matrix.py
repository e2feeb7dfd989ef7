# SPDX-License-Identifier: MIT
"""The twin of matrix.c. One interpreter computes on one core, so that rows go to processes; each makes the matrices for itself."""
import asyncio
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor


def matrices(n):
    return ([[float((i * n + j) % 7) for j in range(n)] for i in range(n)],
            [[float((i * n + j) % 5) for j in range(n)] for i in range(n)])


def multiply_rows(begin, end, n):
    a, b = matrices(n)
    columns = list(zip(*b))
    return [[sum(x * y for x, y in zip(row, column)) for column in columns] for row in a[begin:end]]


async def main(n):
    workers = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(workers) as pool:
        loop = asyncio.get_running_loop()
        step = n // (4 * workers) + 1
        begin = time.monotonic()
        parts = await asyncio.gather(*(loop.run_in_executor(pool, multiply_rows, i, min(i + step, n), n)
                                       for i in range(0, n, step)))
        parallel = time.monotonic() - begin
    c = [row for part in parts for row in part]
    begin = time.monotonic()
    plain_c = multiply_rows(0, n, n)
    plain = time.monotonic() - begin
    assert c == plain_c
    print(f"{n} by {n}, sum {sum(map(sum, c)):.0f}")
    print(f"{parallel * 1000:.1f} ms on {workers} processes, {plain * 1000:.1f} ms in a row:"
          f" {plain / parallel:.2f} times as fast")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 150))
