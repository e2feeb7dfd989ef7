# SPDX-License-Identifier: MIT
"""The twin of http.c and request.c, on asyncio's streams."""
import asyncio
import re
import sys

REQUEST = re.compile(rb"([A-Z]+) \S+ HTTP/1\.([01])\r\n((?:[\w!#$%&'*+.^`|~-]+:[^\r\n]*\r\n)*)\r\n")


class Refused(Exception):
    """A status and a body to answer before the connection ends."""


async def read_request(reader):
    try:
        request = REQUEST.fullmatch(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.LimitOverrunError:
        raise Refused("431 Request Header Fields Too Large", "Too large\n") from None
    if request is None or request[1] == b"CONNECT":
        raise Refused("400 Bad Request", "Bad request\n")
    method, minor, fields = request.groups()
    pairs = (line.split(b":", 1) for line in fields.splitlines())
    fields = {name.lower(): value.strip().lower() for name, value in pairs}
    if b"transfer-encoding" in fields:
        raise Refused("501 Not Implemented", "Not implemented\n")
    body_size = fields.get(b"content-length", b"0")
    if not body_size.isdigit():
        raise Refused("400 Bad Request", "Bad request\n")
    await reader.readexactly(int(body_size))
    connection = fields.get(b"connection", b"keep-alive" if minor == b"1" else b"close")
    return method, connection == b"keep-alive"


def reply(writer, status, body, keep_alive=False, head_only=False):
    writer.write(
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n{'' if head_only else body}".encode()
    )


async def serve(reader, writer):
    keep_alive = True
    try:
        try:
            while keep_alive:
                method, keep_alive = await read_request(reader)
                reply(writer, "200 OK", "Hello, world!", keep_alive, method == b"HEAD")
                await writer.drain()
        except Refused as refused:
            reply(writer, *refused.args)
        writer.write_eof()
        async with asyncio.timeout(1):  # A close with unread bytes would reset the connection: the peer may finish.
            while await reader.read(4096):
                pass
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        pass  # One peer's failure is no reason to say more.
    finally:
        writer.close()


async def main(address):
    host, port = address.rsplit(":", 1)
    server = await asyncio.start_server(serve, host, int(port), limit=16384, backlog=4096)
    print("http://%s:%d/ on 1 thread" % server.sockets[0].getsockname()[:2], flush=True)
    await server.serve_forever()


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8080"))
