# SPDX-License-Identifier: MIT
"""The twin of tree_sum.c. One interpreter computes on one core, so that trees below a certain depth go to processes."""
import asyncio
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor


def weight(n):
    steps = 0
    while n > 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def sum_up_plainly(node, count):
    total = weight(node)
    if 2 * node < count:
        total += sum_up_plainly(2 * node, count) + sum_up_plainly(2 * node + 1, count)
    return total


async def sum_up(pool, node, count, depth):
    if depth == 0 or 2 * node >= count:
        return await asyncio.get_running_loop().run_in_executor(pool, sum_up_plainly, node, count)
    return weight(node) + sum(await asyncio.gather(sum_up(pool, 2 * node, count, depth - 1),
                                                   sum_up(pool, 2 * node + 1, count, depth - 1)))


async def main(depth):
    count = 2**depth - 1
    workers = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(workers) as pool:
        begin = time.monotonic()
        total = await sum_up(pool, 1, count, 4)
        parallel = time.monotonic() - begin
    begin = time.monotonic()
    plain_total = sum_up_plainly(1, count)
    plain = time.monotonic() - begin
    assert total == plain_total
    print(f"{count} nodes weigh {total}")
    print(f"{parallel * 1000:.1f} ms on {workers} processes, {plain * 1000:.1f} ms in a row:"
          f" {plain / parallel:.2f} times as fast")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
