# SPDX-License-Identifier: MIT
"""The twin of fan_out.c: a semaphore that two groups of tasks share, and a queue into which all results run."""
import asyncio

PAGES = 6
SITES = ["news", "shop"]
CONNECTIONS = 3

alive = 0
most = 0


async def download(number):
    global alive, most
    alive += 1
    most = max(most, alive)
    await asyncio.sleep((1 + number % 3) / 1000)
    alive -= 1
    return 100 * (number + 1)


async def fetch(connections, results, site, number):
    async with connections:
        size = await download(number)
    await results.put((site, number, size))


async def crawl(connections, results, site):
    async with asyncio.TaskGroup() as group:
        for number in range(PAGES):
            group.create_task(fetch(connections, results, site, number))


async def collect(results, sizes):
    for _ in range(len(SITES) * PAGES):
        site, number, size = await results.get()
        sizes[site][number] = size


async def main():
    connections = asyncio.Semaphore(CONNECTIONS)
    results = asyncio.Queue(4)
    sizes = {site: [0] * PAGES for site in SITES}
    async with asyncio.TaskGroup() as group:
        for site in SITES:
            group.create_task(crawl(connections, results, site))
        group.create_task(collect(results, sizes))
    for site in SITES:
        print(f"{site}:", *sizes[site], "together", sum(sizes[site]))
    print(f"never more than {CONNECTIONS} at once:", "yes" if most <= CONNECTIONS else "no")


asyncio.run(main())
