#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Serves the HTTP example and its asyncio twin, drives the same load at both in turn, and prints what each did.

    examples/side_by_side.py --bin build/release/examples [--seconds 4]
    examples/side_by_side.py --bin build/release/examples --serve [ADDRESS]     becomes the server, until ctrl-C
"""
import argparse
import asyncio
import os
import re
import shutil
import signal
import socket
import sys
import time

import http_cases
import wrk
from serving import Failure, Server

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "http", "http.c")
TWIN = os.path.join(HERE, "http", "http.py")
FIRST_PORT, PORTS = 8080, 100

# label, the figure's key, its format, and whether more of it is better
ROWS = [
    ("requests a second", "rate", "{:,.0f}", True),
    ("latency, p50", "p50_ms", "{:.2f} ms", False),
    ("latency, p99", "p99_ms", "{:.2f} ms", False),
    ("CPU a request", "cpu_us", "{:.1f} us", False),
    ("CPUs used", "cpus", "{:.2f}", None),
    ("threads that served", "threads", "{:d}", None),
    ("errors", "errors", "{:d}", None),
]


def code_lines(path):
    """Lines that hold more than a comment or nothing."""
    with open(path, encoding="utf-8") as f:
        code = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.DOTALL)
    return sum(bool(line.strip()) for line in code.splitlines())


def asyncio_load(server, connections, seconds):
    """For a machine without wrk: right, but so slow that it measures itself as much as the server."""
    deadline, requests, errors, started = time.monotonic() + seconds, 0, 0, time.monotonic()
    while time.monotonic() < deadline:
        requests += asyncio.run(http_cases.crowd(server, connections, requests=100, pipeline=1))
    return {"rate": requests / (time.monotonic() - started), "requests": requests, "errors": errors}


def measure(server, connections, seconds):
    load = wrk.run if wrk.is_here() else asyncio_load
    target = server.address if wrk.is_here() else server
    load(target, connections, 1)  # Warm caches and branch predictors are what a server has that stays up.
    threads, cpu, started = server.cpu_seconds_of_threads(), server.cpu_seconds(), time.monotonic()
    figures = load(target, connections, seconds)
    took, cpu = time.monotonic() - started, server.cpu_seconds() - cpu
    after = server.cpu_seconds_of_threads()
    # A thread that only watches over the others uses next to nothing.
    served = [thread for thread in after if after[thread] - threads.get(thread, 0) > 0.02 * took]
    return {**figures, "cpu_us": cpu * 1e6 / max(figures["requests"], 1), "cpus": cpu / took, "threads": len(served)}


def table(connections, ours, theirs):
    plural = "connection" if connections == 1 else "connections"
    print(f"{f'{connections} {plural}':<24}{'weft (http.c)':>16}{'asyncio (http.py)':>20}{'weft is':>16}")
    for label, key, form, more_is_better in ROWS:
        if key not in ours:
            continue
        ratio = ""
        if more_is_better is not None and ours[key] and theirs[key]:
            factor = ours[key] / theirs[key]
            factor = factor if more_is_better else 1 / factor
            ratio = f"{factor:.1f} x better" if factor >= 1 else f"{1 / factor:.1f} x worse"
        print(f"  {label:<22}{form.format(ours[key]):>16}{form.format(theirs[key]):>20}{ratio:>16}")
    print(flush=True)


def compare(binary, connections, seconds):
    errors = 0
    with Server(binary) as weft, Server(TWIN) as twin:
        print(f"\nOur server says:  {weft.first_line}")
        print(f"Its twin says:    {twin.first_line}\n")
        if shutil.which("curl"):
            print(f"$ curl --include http://{weft.address}/")
            print(http_cases.curl(weft, "--include", f"http://{weft.address}/").decode(), end="\n\n")
        http_cases.turns(weft)
        http_cases.turns(twin)
        load = "wrk" if wrk.is_here() else "a Python client (wrk is missing), which is the limit"
        cpus = len(os.sched_getaffinity(0))
        print(f"Load by {load}, {seconds} s each in turn, on {cpus} CPUs that server and load share.\n")
        for n in connections:
            ours, theirs = measure(weft, n, seconds), measure(twin, n, seconds)
            table(n, ours, theirs)
            errors += ours["errors"]
    reader = os.path.join(os.path.dirname(PROGRAM), "request.c")
    print(f"The server is examples/http/http.c, {code_lines(PROGRAM)} lines of C; llhttp reads its requests, through")
    print(f"{code_lines(reader)} lines in examples/http/request.c. Its twin is examples/http/http.py.")
    print("For a browser: tools/demo --serve")
    return 1 if errors else 0


def free_address():
    for port in range(FIRST_PORT, FIRST_PORT + PORTS):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return f"127.0.0.1:{port}"
    raise Failure(f"no port from {FIRST_PORT} to {FIRST_PORT + PORTS - 1} is free")


def serve(binary, address):
    address = (address or free_address()).removeprefix("http://").rstrip("/")
    print(f"\nServing http://{address}/ on every core; ctrl-C ends it.", flush=True)
    # This process becomes the server, so that ctrl-C and kill reach the server itself, and exactly once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execv(binary, [binary, address])


def counts(text):
    return [int(n) for n in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help="the folder of the compiled examples")
    parser.add_argument("--seconds", type=int, default=4, help="of each load")
    parser.add_argument("--connections", type=counts, default=[1, 64, 512], metavar="N,N")
    parser.add_argument("--serve", nargs="?", const="", metavar="ADDRESS", help="stay up: 127.0.0.1:8080 by default")
    options = parser.parse_args()
    binary = os.path.join(options.bin, "http")
    try:
        if options.serve is not None:
            serve(binary, options.serve)
        return compare(binary, options.connections, options.seconds)
    except Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
