# SPDX-License-Identifier: MIT
"""The twin of hello.c, from the first page of asyncio's manual."""
import asyncio


async def hello():
    print("Hello ...")
    await asyncio.sleep(1)
    print("... World!")


asyncio.run(hello())
