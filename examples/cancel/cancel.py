# SPDX-License-Identifier: MIT
"""The twin of cancel.c."""
import asyncio


async def cancel_me():
    print("cancel_me: before sleep")
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        print("cancel_me: cancel sleep")
        raise
    finally:
        print("cancel_me: after sleep")


async def app():
    task = asyncio.create_task(cancel_me())
    await asyncio.sleep(0.5)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("app: cancel_me is cancelled now")


asyncio.run(app())
