# SPDX-License-Identifier: MIT
"""The twin of rate_limiter.c. The bound of the semaphore is the burst: a release too much is refused."""
import asyncio
import contextlib
import time

PERIOD = 0.01
BURST = 3
CLIENTS = 4
REQUESTS = 2


async def refill(tokens, start):
    tick = 0
    while True:
        tick += 1
        await asyncio.sleep(max(0, start + tick * PERIOD - time.monotonic()))
        # A bucket that is full stays as it is.
        with contextlib.suppress(ValueError):
            tokens.release()


async def client(tokens, start, served):
    for _ in range(REQUESTS):
        await tokens.acquire()
        served.append(time.monotonic() - start)


async def main():
    tokens, served, start = asyncio.BoundedSemaphore(BURST), [], time.monotonic()
    async with asyncio.TaskGroup() as group:
        refilling = group.create_task(refill(tokens, start))
        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(client(tokens, start, served))
        refilling.cancel()
    served.sort()
    for i, when in enumerate(served):
        periods = max(0, i + 1 - BURST)
        in_time = "kept" if when >= periods * PERIOD else "BROKEN"
        print(f"request {i}: not before {periods} periods: {in_time}")


asyncio.run(main())
