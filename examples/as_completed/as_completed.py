# SPDX-License-Identifier: MIT
"""The twin of as_completed.c."""
import asyncio


async def run(name, seconds):
    await asyncio.sleep(seconds)
    return name


async def main():
    downloads = [run("large", 0.3), run("small", 0.001), run("middling", 0.15)]
    for done in asyncio.as_completed(downloads):
        print(f"{await done} is there")


asyncio.run(main())
