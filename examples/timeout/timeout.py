# SPDX-License-Identifier: MIT
"""The twin of timeout.c."""
import asyncio


async def wait_for(what, seconds):
    try:
        async with asyncio.timeout(0.5):
            await asyncio.sleep(seconds)
        print(f"{what}: in time")
    except TimeoutError:
        print(f"{what}: timeout!")


async def main():
    await wait_for("eternity", 3600)
    await wait_for("moment", 0.001)


asyncio.run(main())
