# SPDX-License-Identifier: MIT
"""The twin of map_bounded.c: a semaphore bounds what runs, and a task group stops all."""
import asyncio
import itertools

alive = 0
most = 0


class ProtocolError(Exception):
    pass


async def fetch(number):
    global alive, most
    alive += 1
    most = max(most, alive)
    try:
        await asyncio.sleep((10 + number % 3 * 10) / 1000)
    finally:
        alive -= 1
    if number == 13:
        raise ProtocolError
    return 100 * number


async def bounded(slots, number):
    async with slots:
        return await fetch(number)


async def fetch_and_free(slots, number):
    try:
        return await fetch(number)
    finally:
        slots.release()


async def main():
    slots = asyncio.Semaphore(4)
    print("bytes:", *await asyncio.gather(*(bounded(slots, n) for n in range(10))))
    print("at most four at once:", "yes" if most <= 4 else "no")

    try:
        async with asyncio.TaskGroup() as group:
            for number in itertools.count(1):
                await slots.acquire()
                group.create_task(fetch_and_free(slots, number))
    except* ProtocolError:
        print("page 13 failed; others still run:", "no" if alive == 0 else "yes")


asyncio.run(main())
