# SPDX-License-Identifier: MIT
"""Conversations with the HTTP example: what a client sends, and the exact bytes that must come back."""
import asyncio
import shutil
import socket
import struct
import subprocess
import threading
import time

from serving import TIME_SCALE, Failure

LIMIT_S = 60 * TIME_SCALE
GET = b"GET / HTTP/1.1\r\nHost: weft\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: weft\r\n\r\n"
CLOSE = b"GET / HTTP/1.1\r\nHost: weft\r\nConnection: close\r\n\r\n"


def response(status=b"200 OK", body=b"Hello, world!", keep_alive=True, head_only=False):
    return b"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%s" % (
        status,
        len(body),
        b"keep-alive" if keep_alive else b"close",
        b"" if head_only else body,
    )


OK = response()
OK_CLOSE = response(keep_alive=False)
OK_HEAD = response(head_only=True)
BAD = response(b"400 Bad Request", b"Bad request\n", keep_alive=False)
TOO_LARGE = response(b"431 Request Header Fields Too Large", b"Too large\n", keep_alive=False)

KEEPS, CLOSES = False, True

# name, what is sent, what must come back, whether the server then closes by itself.
# The parts of a list are sent one by one, with a pause between them.
BOTH = [
    ("a request", [GET], OK, KEEPS),
    ("HEAD", [HEAD], OK_HEAD, KEEPS),
    ("HEAD, then GET", [HEAD + GET], OK_HEAD + OK, KEEPS),
    ("a pipeline of 100", [GET * 100], OK * 100, KEEPS),
    ("a pipeline cut in two", [(GET * 3)[:40], (GET * 3)[40:]], OK * 3, KEEPS),
    ("a request byte by byte", [GET[i : i + 1] for i in range(len(GET))], OK, KEEPS),
    ("a request cut between CR and LF", [GET[:-1], GET[-1:]], OK, KEEPS),
    ("Connection: close", [CLOSE], OK_CLOSE, CLOSES),
    ("a request after Connection: close", [CLOSE + GET], OK_CLOSE, CLOSES),
    ("HTTP/1.0", [b"GET / HTTP/1.0\r\n\r\n"], OK_CLOSE, CLOSES),
    ("HTTP/1.0 with keep-alive", [b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2], OK * 2, KEEPS),
    ("a body", [b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET /" + GET], OK * 2, KEEPS),
    ("a body cut in three", [b"POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\nab", b"cd", b"ef" + GET], OK * 2, KEEPS),
    ("a body of 1 MiB", [b"PUT / HTTP/1.1\r\nContent-Length: 1048576\r\n\r\n" + bytes(1 << 20) + GET], OK * 2, KEEPS),
    ("a header of 8 KiB", [b"GET / HTTP/1.1\r\nA: " + b"x" * 8192 + b"\r\n\r\n"], OK, KEEPS),
    ("three headers of 8 KiB", [b"GET / HTTP/1.1\r\nA: " + b"x" * 8192 + b"\r\n\r\n"] * 3, OK * 3, KEEPS),
    ("a header of 32 KiB", [b"GET / HTTP/1.1\r\nA: " + b"x" * 32768 + b"\r\n\r\n"], TOO_LARGE, CLOSES),
    ("a header of 1 MiB", [b"GET / HTTP/1.1\r\nA: " + b"x" * (1 << 20) + b"\r\n\r\n"], TOO_LARGE, CLOSES),
    ("20,000 headers", [b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20000 + b"\r\n"], TOO_LARGE, CLOSES),
    ("garbage", [b"garbage\r\n\r\n"], BAD, CLOSES),
    ("a request, then garbage", [GET + b"garbage\r\n\r\n"], OK + BAD, CLOSES),
    ("HEAD, then garbage", [HEAD + b"garbage\r\n\r\n"], OK_HEAD + BAD, CLOSES),
    ("an unknown version", [b"GET / HTTP/9.9\r\n\r\n"], BAD, CLOSES),
    ("a header without a colon", [b"GET / HTTP/1.1\r\nno colon\r\n\r\n"], BAD, CLOSES),
    ("a negative length", [b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"], BAD, CLOSES),
    ("a length that is no number", [b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n"], BAD, CLOSES),
    ("CONNECT", [b"CONNECT weft:80 HTTP/1.1\r\n\r\n"], BAD, CLOSES),
    ("half a request, then the end", [GET[:10]], b"", KEEPS),
    ("nothing, then the end", [], b"", KEEPS),
]

# What the parser of http.c knows and the few lines of its twin do not.
WEFT_ONLY = [
    (
        "a chunked body",
        [b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"0\r\n\r\n" + GET],
        OK * 2,
        KEEPS,
    ),
    ("TLS", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], BAD, CLOSES),
    ("a URL of 1 MiB", [b"GET /" + b"x" * (1 << 20)], TOO_LARGE, CLOSES),
    ("two lengths", [b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"], BAD, CLOSES),
    (
        "a length and chunks",
        [b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"],
        BAD,
        CLOSES,
    ),
    (
        "an upgrade that is declined",
        [b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"],
        OK_CLOSE,
        CLOSES,
    ),
    ("the preface of HTTP/2", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], BAD, CLOSES),
    ("HTTP/0.9", [b"GET /\r\n\r\n"], BAD, CLOSES),
]


def connect(server):
    s = socket.create_connection((server.host, server.port), LIMIT_S)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_to_end(s):
    received = bytearray()
    while data := s.recv(65536):
        received += data
    return bytes(received)


def compare(what, received, expected):
    if received == expected:
        return
    at = next((i for i, (a, b) in enumerate(zip(received, expected)) if a != b), min(len(received), len(expected)))
    raise Failure(
        f"{what}: {len(received)} bytes came, {len(expected)} were expected; they differ from byte {at}: "
        f"{received[at:at + 60]!r} instead of {expected[at:at + 60]!r}"
    )


def converse(server, what, parts, expected, closes):
    with connect(server) as s:
        for i, part in enumerate(parts):
            if i > 0:
                time.sleep(0.002)
            try:
                s.sendall(part)
            except (BrokenPipeError, ConnectionResetError) as e:
                raise Failure(f"{what}: the connection broke while the request was being sent: {e}") from None
        if not closes:
            s.shutdown(socket.SHUT_WR)
        try:
            received = read_to_end(s)
        except TimeoutError:
            raise Failure(f"{what}: no end of the answer within {LIMIT_S} s") from None
        except ConnectionResetError:
            raise Failure(f"{what}: the connection was reset before the answer was read") from None
        compare(what, received, expected)


def turns(server):
    """Keep-alive as most clients use it: each request waits for the answer to the one before."""
    with connect(server) as s:
        for i in range(100):
            s.sendall(HEAD if i % 10 == 9 else GET)
            expected = OK_HEAD if i % 10 == 9 else OK
            compare(f"request {i} of one connection", s.recv(len(expected), socket.MSG_WAITALL), expected)


def slow_reader(server):
    """More answers than the socket's buffers hold, to a peer that does not read for a while."""
    count = 40000
    with connect(server) as s:
        sender = threading.Thread(target=lambda: (s.sendall(GET * count), s.shutdown(socket.SHUT_WR)), daemon=True)
        sender.start()
        time.sleep(0.3)
        compare("a slow reader", read_to_end(s), OK * count)
        sender.join(LIMIT_S)


def rude_peers(server):
    """Peers that leave early must cost the server nothing but their own connection."""
    reset = struct.pack("ii", 1, 0)
    for i in range(100):
        s = connect(server)
        if i % 2:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        s.sendall((b"", GET[:15], GET, GET * 500)[i % 4])
        s.close()
    converse(server, "a request after rude peers", [GET], OK, KEEPS)


async def crowd(server, connections, requests, pipeline):
    """Many connections at once, each answer compared. Returns the number of answers."""
    counted = 0

    async def client():
        nonlocal counted
        reader, writer = await asyncio.open_connection(server.host, server.port)
        for i in range(requests):
            writer.write(GET * pipeline)
            received = await reader.readexactly(len(OK) * pipeline)
            compare(f"request {i} of one connection among {connections}", received, OK * pipeline)
            counted += pipeline
        writer.close()

    try:
        await asyncio.wait_for(asyncio.gather(*(client() for _ in range(connections))), LIMIT_S)
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as e:
        raise Failure(f"{connections} connections at once, after {counted} answers: {e!r}") from None
    return counted


def curl(server, *arguments):
    command = ["curl", "--silent", "--show-error", "--max-time", str(LIMIT_S), "--noproxy", "*", *arguments]
    done = subprocess.run(command, capture_output=True, timeout=2 * LIMIT_S, check=False)
    if done.returncode != 0:
        raise Failure(f"curl {' '.join(arguments)}: status {done.returncode}, {done.stderr.decode()}")
    return done.stdout


def curls(server):
    url = f"http://{server.address}/"
    compare("curl", curl(server, "--include", url), OK)
    compare("curl --head", curl(server, "--head", url), OK_HEAD)
    compare("curl --http1.0", curl(server, "--include", "--http1.0", url), OK_CLOSE)
    compare("curl --data", curl(server, "--include", "--data", "a=b", url), OK)
    # One connection for three URLs: only the first of them says that it had to connect.
    reused = curl(server, "--write-out", "[%{num_connects}]", url, url + "b", url + "c")
    compare("three URLs of one curl", reused, b"Hello, world![1]Hello, world![0]Hello, world![0]")


def check(server):
    """Holds every conversation with a server. Returns lines to print."""
    descriptors = server.descriptors()
    cases = BOTH if server.is_twin else BOTH + WEFT_ONLY
    for case in cases:
        converse(server, *case)
    turns(server)
    slow_reader(server)
    rude_peers(server)
    answers = asyncio.run(crowd(server, connections=300, requests=10, pipeline=1))
    answers += asyncio.run(crowd(server, connections=50, requests=5, pipeline=16))
    lines = [f"{len(cases)} conversations, {answers} answers to crowds: every byte as expected"]
    if shutil.which("curl"):
        curls(server)
        lines.append("curl: every byte as expected")
    else:
        lines.append("curl is missing: not tried with it")
    server.wait_for_descriptors(descriptors)
    return lines
