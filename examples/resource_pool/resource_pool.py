# SPDX-License-Identifier: MIT
"""The twin of resource_pool.c. asyncio has no pools: here is one of a semaphore and a list."""
import asyncio
import contextlib

CUSTOMERS = 6
CONNECTIONS = 2
LIFETIME = 2


class Connection:
    opened = alive = most = worn_out = 0

    def __init__(self):
        self.queries = 0

    @classmethod
    async def open(cls):
        await asyncio.sleep(0.001)
        cls.opened += 1
        cls.alive += 1
        cls.most = max(cls.most, cls.alive)
        return cls()

    def close(self):
        Connection.alive -= 1

    def is_well(self):
        return self.queries < LIFETIME

    async def query(self, customer):
        if self.queries >= LIFETIME:
            Connection.worn_out += 1
        self.queries += 1
        await asyncio.sleep(0.001)
        return customer * customer


class Pool:
    def __init__(self, open_one, limit):
        self.open_one = open_one
        self.room = asyncio.Semaphore(limit)
        self.idle = []

    @contextlib.asynccontextmanager
    async def connection(self):
        async with self.room:
            while self.idle:
                found = self.idle.pop()
                if found.is_well():
                    break
                found.close()
            else:
                found = await self.open_one()
            try:
                yield found
            finally:
                self.idle.append(found)

    def close(self):
        while self.idle:
            self.idle.pop().close()


async def ask(pool, customer):
    async with pool.connection() as connection:
        return await connection.query(customer)


async def main():
    pool = Pool(Connection.open, CONNECTIONS)
    print("answers:", *await asyncio.gather(*(ask(pool, n) for n in range(CUSTOMERS))))
    pool.close()
    print(f"never more than {CONNECTIONS} open:", "yes" if Connection.most <= CONNECTIONS else "no")
    print("new ones for those worn out:", "yes" if Connection.opened >= CUSTOMERS // LIFETIME else "no")
    print(f"queries over a connection that is worn out: {Connection.worn_out}")
    print(f"left open: {Connection.alive}")


asyncio.run(main())
