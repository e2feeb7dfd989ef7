# SPDX-License-Identifier: MIT
"""The twin of echo_client.c."""
import asyncio
import sys


async def main(address, text):
    host, port = address.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    print(f"Send: {text}")
    writer.write(text.encode())
    writer.write_eof()
    print("Received: ", end="")
    while data := await reader.read(4096):
        print(data.decode(), end="")
    print()
    writer.close()


if len(sys.argv) != 3:
    sys.exit("usage: echo_client.py ADDRESS TEXT")
asyncio.run(main(*sys.argv[1:]))
