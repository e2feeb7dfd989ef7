# SPDX-License-Identifier: MIT
"""The twin of event_bus.c. asyncio has no broadcast: here is one that loses the oldest events of a subscriber that is too slow, and tells it."""
import asyncio
import collections

CAPACITY = 4
ORDERS = 10
FOLLOWERS = 2


class Subscriber:
    def __init__(self):
        self.events = collections.deque()
        self.lost = 0
        self.came = asyncio.Event()
        self.closed = False

    def put(self, event):
        if len(self.events) == CAPACITY:
            self.events.popleft()
            self.lost += 1
        self.events.append(event)
        self.came.set()

    async def get(self):
        """The number of events lost before it, and the next event; None for it when the bus is closed and all are read."""
        while not self.events and not self.closed:
            self.came.clear()
            await self.came.wait()
        lost, self.lost = self.lost, 0
        return lost, self.events.popleft() if self.events else None


class Bus:
    def __init__(self):
        self.subscribers = []

    def subscribe(self):
        self.subscribers.append(Subscriber())
        return self.subscribers[-1]

    def publish(self, event):
        for subscriber in self.subscribers:
            subscriber.put(event)

    def close(self):
        for subscriber in self.subscribers:
            subscriber.closed = True
            subscriber.came.set()


async def follow(events, handled, seen):
    """One that must not miss an event: it tells the shop when it has handled one."""
    while True:
        lost, event = await events.get()
        if event is None:
            return
        assert lost == 0
        number, amount = event
        seen.append(amount)
        handled.release()


async def audit(events, evening, seen):
    """One that looks at what there is in the evening."""
    await evening.wait()
    total_lost = 0
    while True:
        lost, event = await events.get()
        total_lost += lost
        if event is None:
            return total_lost
        seen.append(event[0])


async def trade(bus, handled, evening):
    for number in range(ORDERS):
        bus.publish((number, 10 * number))
        for _ in range(FOLLOWERS):
            await handled.acquire()
    bus.close()
    evening.set()


async def main():
    bus, handled, evening = Bus(), asyncio.Semaphore(0), asyncio.Event()
    mailed, packed, audited = [], [], []
    async with asyncio.TaskGroup() as group:
        group.create_task(follow(bus.subscribe(), handled, mailed))
        group.create_task(follow(bus.subscribe(), handled, packed))
        auditor = group.create_task(audit(bus.subscribe(), evening, audited))
        group.create_task(trade(bus, handled, evening))
    print(f"mail: {len(mailed)} orders of {sum(mailed)} in all")
    print(f"stock: {len(packed)} orders of {sum(packed)} in all")
    print(f"audit: lost {auditor.result()}, then saw", *audited)


asyncio.run(main())
