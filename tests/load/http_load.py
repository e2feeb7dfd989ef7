#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Load on an HTTP example: curl, a client in asyncio, and wrk, each answer compared byte by byte.

    tests/load/http_load.py build/release/examples/http [--seconds 10] [--connections 1,64,512]

Fails at the first socket error or wrong byte, at a leaked connection, and where the server ends with anything but the
status that SIGINT gives (a sanitizer that has something to report changes it).
"""
import argparse
import asyncio
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples"))

import http_cases
import wrk
from serving import Failure, Server


def report(server, what, requests, seconds, cpu, rest=""):
    per_request = f", {cpu * 1e6 / requests:.1f} us of CPU each" if requests else ""
    print(f"  {what:<28} {requests:>8} answers, {requests / seconds:>8.0f}/s{per_request}{rest}", flush=True)


def measured(server, what, load):
    """Runs a load that returns the number of its answers, and the rest of its line."""
    cpu, started = server.cpu_seconds(), time.monotonic()
    requests, rest = load()
    report(server, what, requests, time.monotonic() - started, server.cpu_seconds() - cpu, rest)


def curl_load(server, seconds):
    """Many URLs a process, as starting curl takes longer than an answer."""
    deadline, answers = time.monotonic() + seconds, 0
    urls = [f"http://{server.address}/{i}" for i in range(100)]
    while answers == 0 or time.monotonic() < deadline:
        received = http_cases.curl(server, "--include", *urls)
        http_cases.compare("curl", received, http_cases.OK * len(urls))
        answers += len(urls)
    return answers, ""


def asyncio_load(server, seconds, connections):
    deadline, answers = time.monotonic() + seconds, 0
    while answers == 0 or time.monotonic() < deadline:
        answers += asyncio.run(http_cases.crowd(server, connections, requests=50, pipeline=1))
    return answers, ""


def wrk_load(server, seconds, connections):
    figures = wrk.run(server.address, connections, seconds, compare=True)
    wrong = ", ".join(f"{figures[kind]} {kind}" for kind in wrk.ERRORS if figures[kind])
    if wrong:
        raise Failure(f"wrk with {connections} connections saw errors: {wrong}")
    if figures["requests"] == 0:
        raise Failure(f"wrk with {connections} connections got no answer")
    return figures["requests"], f", p50 {figures['p50_ms']:.2f} ms, p99 {figures['p99_ms']:.2f} ms"


def counts(text):
    return [int(n) for n in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the server: it takes an address and prints the one that it bound")
    parser.add_argument("--seconds", type=int, default=10, help="of each load")
    parser.add_argument("--connections", type=counts, default=[1, 64, 512], metavar="N,N")
    options = parser.parse_args()
    try:
        with Server(options.program) as server:
            print(f"{options.program}: {server.first_line}", flush=True)
            descriptors = server.descriptors()
            if shutil.which("curl"):
                measured(server, "curl", lambda: curl_load(server, options.seconds))
            else:
                print("  curl is missing: not tried with it")
            for n in options.connections:
                measured(server, f"asyncio, {n} connections", lambda: asyncio_load(server, options.seconds, n))
            for n in options.connections if wrk.is_here() else ():
                measured(server, f"wrk, {n} connections", lambda: wrk_load(server, options.seconds, n))
            if not wrk.is_here():
                print("  wrk is missing: not tried with it")
            server.wait_for_descriptors(descriptors)
    except Failure as failure:
        print(f"http_load: FAILED: {failure}", flush=True)
        return 1
    print("no socket error, no wrong byte")
    return 0


if __name__ == "__main__":
    sys.exit(main())
