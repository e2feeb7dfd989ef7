# SPDX-License-Identifier: MIT
"""The twin of producer_consumer.c: a queue with a bound, and a sentinel for each consumer, as a queue of 3.11 cannot be shut down."""
import asyncio

STATIONS = 3
READINGS = 100
CONSUMERS = 2
CAPACITY = 8


async def measure(station, readings):
    for hour in range(READINGS):
        await readings.put((station, hour * 7 % 30 + station))


async def summarise(readings, counts, sums):
    while (reading := await readings.get()) is not None:
        station, degrees = reading
        counts[station] += 1
        sums[station] += degrees


async def main():
    readings = asyncio.Queue(CAPACITY)
    counts, sums = [0] * STATIONS, [0] * STATIONS
    async with asyncio.TaskGroup() as consumers:
        for _ in range(CONSUMERS):
            consumers.create_task(summarise(readings, counts, sums))
        async with asyncio.TaskGroup() as producers:
            for station in range(STATIONS):
                producers.create_task(measure(station, readings))
        for _ in range(CONSUMERS):
            await readings.put(None)
    for station in range(STATIONS):
        print(f"station {station}: {counts[station]} readings, {sums[station] / counts[station]:.2f} degrees on average")


asyncio.run(main())
