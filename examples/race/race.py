# SPDX-License-Identifier: MIT
"""The twin of race.c."""
import asyncio


async def ask(server, seconds, good):
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        print(f"{server}: cancelled")
        raise
    print(f"{server}: {'answers' if good else 'fails'}")
    if not good:
        raise OSError
    return 42


async def main():
    tasks = {asyncio.create_task(ask(*query)): query[0]
             for query in (("far", 3600, True), ("near", 0.1, True), ("broken", 0.001, False))}
    pending = set(tasks)
    winner = None
    while pending and winner is None:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        winner = next((task for task in done if task.exception() is None), None)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    print(f"{tasks[winner]} is first: {winner.result()}")


asyncio.run(main())
