# SPDX-License-Identifier: MIT
"""The twin of say_after.c."""
import asyncio
import time


async def say_after(delay, what):
    await asyncio.sleep(delay)
    print(what)


async def main():
    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(say_after(2, "world"))
        group.create_task(say_after(1, "hello"))
    print(f"took {int(time.monotonic() - started)} s")


asyncio.run(main())
