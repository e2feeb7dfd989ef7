# SPDX-License-Identifier: MIT
"""The twin of echo_server.c."""
import asyncio
import sys


async def echo(reader, writer):
    try:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # One peer's failure is no reason to say more.
    finally:
        writer.close()


async def main(address):
    host, port = address.rsplit(":", 1)
    server = await asyncio.start_server(echo, host, int(port))
    print("listening on %s:%d" % server.sockets[0].getsockname()[:2], flush=True)
    await server.serve_forever()


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7777"))
