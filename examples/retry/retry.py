# SPDX-License-Identifier: MIT
"""The twin of retry.c: asyncio leaves the loop to its users."""
import asyncio
import random


class Server:
    def __init__(self, name, up_after, error):
        self.name, self.up_after, self.error = name, up_after, error
        self.calls = 0

    async def connect(self):
        self.calls += 1
        print(f"{self.name}: call {self.calls}")
        if self.calls <= self.up_after:
            raise self.error


async def retry(function, times, first, factor=2, worth_it=lambda error: True):
    cap = first
    for left in reversed(range(times)):
        try:
            return await function()
        except OSError as error:
            if left == 0 or not worth_it(error):
                raise
        await asyncio.sleep(random.uniform(0, cap))
        cap *= factor


async def main():
    sleepy = Server("sleepy", 2, ConnectionRefusedError("connection refused"))
    closed = Server("closed", 100, PermissionError("permission denied"))
    dead = Server("dead", 100, ConnectionRefusedError("connection refused"))
    for server in sleepy, closed:
        try:
            await retry(server.connect, 5, 0.001, worth_it=lambda error: not isinstance(error, PermissionError))
            print(f"{server.name}: connected")
        except OSError as error:
            print(f"{server.name}: {error}")
    try:
        async with asyncio.timeout(0.1):
            await retry(dead.connect, 5, 3600)
    except TimeoutError:
        print(f"{dead.name}: deadline passed")


asyncio.run(main())
