# SPDX-License-Identifier: MIT
"""The twin of gather.c."""
import asyncio


async def factorial(name, number):
    result = 1
    for i in range(2, number + 1):
        print(f"Task {name}: computes factorial({number}), currently i={i}")
        await asyncio.sleep(0.1)
        result *= i
    print(f"Task {name}: factorial({number}) = {result}")
    return result


async def main():
    results = await asyncio.gather(factorial("A", 4), factorial("B", 3), factorial("C", 2))
    print(results)


asyncio.run(main())
