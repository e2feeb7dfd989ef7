#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The cases of weft-bench on asyncio: `bench.py [--uvloop] CASE [N]` prints `name value`.

One thread, one loop, whatever WEFT_WORKERS says: that is how an asyncio program runs.
"""

import argparse
import asyncio
import gc
import os
import statistics
import sys
import time

BATCH = 0.025
WARM_UP = 0.1
MEASURE = 0.7
MEASURE_MAX = 3.0
BATCHES_MIN = 3


async def measure(batch):
    """The rule of bench/common/meter.c: warm up, repeat a batch; the median batch, in ns an iteration."""

    async def timed(iterations):
        start = time.perf_counter()
        await batch(iterations)
        return time.perf_counter() - start

    iterations, total = 1, 0.0
    while True:
        took = await timed(iterations)
        total += took
        if took < BATCH:
            iterations *= 2
        elif total >= WARM_UP:
            break
    samples, total = [], 0.0
    while total < MEASURE_MAX and (total < MEASURE or len(samples) < BATCHES_MIN):
        took = await timed(iterations)
        total += took
        samples.append(took / iterations)
    return statistics.median(samples) * 1e9


def show(name, value):
    print(name, f"{value:.{3 if value < 100 else 1}f}", flush=True)


def memory():
    """Resident memory and page tables of this process, in bytes."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as f:
        fields = dict(line.split(":", 1) for line in f)
    return [int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmPTE")]


async def nothing():
    pass


async def spawn(tasks):
    loop = asyncio.get_running_loop()

    async def batch(iterations):
        for _ in range(iterations):
            # All end in the same turn of the loop, so after the first the others cost no switch.
            for task in [loop.create_task(nothing()) for _ in range(tasks)]:
                await task

    show("spawn", await measure(batch) / tasks)


async def spawn1(_):
    loop = asyncio.get_running_loop()

    async def batch(iterations):
        for _ in range(iterations):
            await loop.create_task(nothing())

    show("spawn1", await measure(batch))


async def yields(tasks):
    async def yielder(turns):
        for _ in range(turns):
            await asyncio.sleep(0)

    async def batch(iterations):
        await asyncio.gather(*[yielder(iterations) for _ in range(tasks)])

    show("yield", await measure(batch) / tasks)


async def pingpong(_):
    async def batch(iterations):
        there, back = asyncio.Queue(1), asyncio.Queue(1)

        async def ping():
            for i in range(iterations):
                await there.put(i)
                assert await back.get() == i + 1

        async def pong():
            for _ in range(iterations):
                await back.put(await there.get() + 1)

        await asyncio.gather(ping(), pong())

    show("pingpong", await measure(batch))


def sum_to(n):
    return n * (n - 1) // 2


async def mpmc(_):
    sides = 4

    async def batch(iterations):
        items = asyncio.Queue(256)

        async def produce():
            for i in range(iterations):
                await items.put(i)

        async def consume():
            total = 0
            for _ in range(iterations):
                total += await items.get()
            return total

        sums = await asyncio.gather(*[consume() for _ in range(sides)], *[produce() for _ in range(sides)])
        assert sum(sums[:sides]) == sides * sum_to(iterations)

    show("mpmc", await measure(batch) / sides)


async def contend(name, make, tasks=8):
    """So many tasks take and give back what `make` makes; ns a time."""

    async def batch(iterations):
        lock, count = make(), 0

        async def contender():
            nonlocal count
            for _ in range(iterations):
                async with lock:
                    count += 1

        await asyncio.gather(*[contender() for _ in range(tasks)])
        assert count == tasks * iterations

    show(name, await measure(batch) / tasks)


async def wakeall(tasks):
    """Two events in turn: who is woken by one counts itself and waits for the other; the last one ends the round."""
    events, every = [asyncio.Event(), asyncio.Event()], asyncio.Event()
    woken, rounds, ending = 0, 0, False

    async def waiter():
        nonlocal woken
        turn = 0
        while True:
            await events[turn].wait()
            if ending:
                return
            woken += 1
            if woken % tasks == 0:
                every.set()
            turn = 1 - turn

    waiters = [asyncio.create_task(waiter()) for _ in range(tasks)]
    await asyncio.sleep(0)

    async def batch(iterations):
        nonlocal rounds
        for _ in range(iterations):
            events[rounds % 2].set()
            await every.wait()
            every.clear()
            events[rounds % 2].clear()
            rounds += 1
        assert woken == rounds * tasks

    ns = await measure(batch)
    ending = True
    events[rounds % 2].set()
    await asyncio.gather(*waiters)
    show("wakeall", ns / tasks)


async def select(_):
    """asyncio selects by tasks: those that wait for the other queues are kept for the next time."""

    async def batch(iterations):
        queues = [asyncio.Queue(1) for _ in range(8)]

        async def send():
            for i in range(iterations):
                await queues[i % 8].put(i)

        async def receive():
            total = taken = 0
            getters = {asyncio.create_task(q.get()): q for q in queues}
            while taken < iterations:
                done, _ = await asyncio.wait(getters, return_when=asyncio.FIRST_COMPLETED)
                for getter in done:
                    queue = getters.pop(getter)
                    total += getter.result()
                    taken += 1
                    getters[asyncio.create_task(queue.get())] = queue
            for getter in getters:
                getter.cancel()
            return total

        assert (await asyncio.gather(receive(), send()))[0] == sum_to(iterations)

    show("select", await measure(batch))


async def broadcast(receivers):
    """asyncio has no broadcast: a queue a receiver. The sender fills the queues, waits until all have what it sent, and goes on."""
    capacity = 16

    async def batch(iterations):
        queues = [asyncio.Queue(capacity) for _ in range(receivers)]
        received, every = 0, asyncio.Event()

        async def receive(queue):
            nonlocal received
            total = 0
            for _ in range(iterations):
                for _ in range(capacity):
                    total += await queue.get()
                received += 1
                if received % receivers == 0:
                    every.set()
            return total

        tasks = [asyncio.create_task(receive(q)) for q in queues]
        for item in range(iterations * capacity):
            for queue in queues:
                await queue.put(item)
            if (item + 1) % capacity == 0:
                await every.wait()
                every.clear()
        assert sum(await asyncio.gather(*tasks)) == receivers * sum_to(iterations * capacity)

    show("broadcast", await measure(batch) / (receivers * capacity))


async def fib(n):
    """One half is spawned and the other computed in place."""
    if n < 2:
        return n
    half = asyncio.create_task(fib(n - 1))
    other = await fib(n - 2)
    return await half + other


def fib_plain(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


async def fib_case(k):
    async def batch(iterations):
        for _ in range(iterations):
            assert await fib(k) == fib_plain(k)

    show("fib", await measure(batch) / (fib_plain(k + 1) - 1))


async def skynet(first, leaves):
    if leaves == 1:
        return first
    part = leaves // 10
    return sum(await asyncio.gather(*[skynet(first + i * part, part) for i in range(10)]))


async def skynet_case(leaves):
    async def batch(iterations):
        for _ in range(iterations):
            assert await asyncio.create_task(skynet(0, leaves)) == leaves * (leaves - 1) // 2

    show("skynet", await measure(batch) / 1e6)


async def sleepers(tasks):
    loop = asyncio.get_running_loop()
    entered, all_in = 0, loop.create_future()
    # The collector would walk all the sleepers again and again.
    gc.disable()

    async def sleeper():
        nonlocal entered
        entered += 1
        if entered == tasks:
            all_in.set_result(None)
        await asyncio.sleep(86400)

    before, start = memory(), time.perf_counter()
    kept = [loop.create_task(sleeper()) for _ in range(tasks)]
    await all_in
    elapsed, after = time.perf_counter() - start, memory()
    show("sleepers_page_tables", (after[1] - before[1]) / len(kept))
    show("sleepers_seconds", elapsed)
    show("sleepers", (after[0] - before[0]) / len(kept))
    # Ending the sleepers one by one is no part of the case.
    os._exit(0)


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!"


class Connection(asyncio.Protocol):
    """A protocol, asyncio's fastest form: streams cost about twice as much."""

    def connection_made(self, transport):
        self.transport = transport


class Http(Connection):
    def data_received(self, data):
        self.transport.write(ANSWER)


class Echo(Connection):
    def data_received(self, data):
        self.transport.write(data)


async def serve(port, protocol):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", port, backlog=4096)
    print("listening {}:{}".format(*server.sockets[0].getsockname()), flush=True)
    await server.serve_forever()


# Name: (case, what N is unless given; None: it has to be given).
CASES = {
    "spawn": (spawn, 1000),
    "spawn1": (spawn1, 0),
    "yield": (yields, 100),
    "pingpong": (pingpong, 0),
    "mpmc": (mpmc, 0),
    "mutex": (lambda _: contend("mutex", asyncio.Lock), 0),
    "lock": (lambda _: contend("lock", asyncio.Lock, 1), 0),
    "semaphore": (lambda _: contend("semaphore", lambda: asyncio.Semaphore(1), 1), 0),
    "semaphores": (lambda _: contend("semaphores", lambda: asyncio.Semaphore(2)), 0),
    "wakeall": (wakeall, 10_000),
    "select": (select, 0),
    "broadcast": (broadcast, 1_000),
    "fib": (fib_case, 18),
    "skynet": (skynet_case, 100_000),
    "sleepers": (sleepers, 100_000),
    "http": (lambda port: serve(port, Http), None),
    "echo": (lambda port: serve(port, Echo), None),
}


def main():
    parser = argparse.ArgumentParser(description="The cases of weft-bench on asyncio.")
    parser.add_argument("--uvloop", action="store_true", help="use uvloop instead of asyncio's own loop")
    parser.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("case", nargs="?", choices=CASES)
    parser.add_argument("n", nargs="?", type=int)
    args = parser.parse_args()
    if args.list:
        print(*CASES, sep="\n")
        return
    if args.case is None:
        parser.error("a case is needed")
    case, preset = CASES[args.case]
    n = preset if args.n is None else args.n
    if n is None:
        parser.error(f"{args.case} needs a PORT")
    if args.uvloop:
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    try:
        asyncio.run(case(n))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
