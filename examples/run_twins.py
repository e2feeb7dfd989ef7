#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs an example and its asyncio twin and compares what they print and how they end.

    examples/run_twins.py --bin build/release/examples [NAME ...]      every example, or those named
"""
import argparse
import os
import subprocess
import sys

import http_cases
from serving import TIME_SCALE, Failure, Server, command_of

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT_S = 60 * TIME_SCALE


class Twins:
    def __init__(self, folder, binaries):
        self.binaries = binaries
        self.folder = os.path.join(HERE, folder)

    def both(self, name):
        return os.path.join(self.binaries, name), os.path.join(self.folder, f"{name}.py")


def run(program, *arguments):
    command = command_of(program) + list(arguments)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return program, process


def finish(running):
    """Returns what it printed, once it has ended with status 0 and nothing on its standard error."""
    program, process = running
    try:
        out, err = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise Failure(f"{program} did not end within {LIMIT_S} s; it printed {out!r} and said: {err}") from None
    if process.returncode != 0 or err:
        raise Failure(f"{program} ended with status {process.returncode}; it printed {out!r} and said: {err}")
    return out.splitlines()


def same(ours, theirs):
    if ours != theirs:
        raise Failure(f"weft printed {ours}, asyncio printed {theirs}")


def run_both(twins, name, *arguments):
    running = [run(program, *arguments) for program in twins.both(name)]
    return [finish(r) for r in running]


def in_order(name):
    def check(twins):
        ours, theirs = run_both(twins, name)
        same(ours, theirs)
        return ours

    return check


def say_after(twins):
    ours, theirs = run_both(twins, "say_after")
    same(ours[:-1], theirs[:-1])
    if ours[:-1] != ["hello", "world"]:
        raise Failure(f"the sleeper of one second must speak first: {ours}")
    for lines in ours, theirs:
        # One after the other would be three; a machine under load may need more than two.
        if not 2 <= int(lines[-1].split()[1]) < 3:
            raise Failure(f"sleeps of one and of two seconds together: {lines[-1]}")
    return ours


def gather(twins):
    """The tasks run in parallel, so that the order of their lines is free; the results come last, in order."""
    ours, theirs = run_both(twins, "gather")
    same(sorted(ours[:-1]), sorted(theirs[:-1]))
    same(ours[-1], theirs[-1])
    return ours


def computes(name, size):
    """What is computed is the same; how long it took is not. `size` is one that the twin manages in a moment."""
    def check(twins):
        ours, theirs = run_both(twins, name, size)
        same(ours[:-1], theirs[:-1])
        return ours + theirs[-1:]

    return check


def echo(twins):
    lines = []
    servers, clients = twins.both("echo_server"), twins.both("echo_client")
    for text in "Hello World!", "", "weft " * 20000:
        expected = [f"Send: {text}", f"Received: {text}"]
        for program in servers:
            with Server(program) as server:
                for client in clients:
                    pair = f"{os.path.basename(program)} with {os.path.basename(client)}"
                    # Nine clients at once, as one would not show that connections are served side by side.
                    for running in [run(client, server.address, text) for _ in range(9)]:
                        same([pair, *finish(running)], [pair, *expected])
                    lines.append(f"{pair}: {len(text)} characters came back")
    return lines


def http(twins):
    lines = []
    for program in twins.both("http"):
        with Server(program) as server:
            lines += [f"{os.path.basename(program)}: {line}" for line in http_cases.check(server)]
    return lines


CHECKS = {
    "hello": in_order("hello"),
    "say_after": say_after,
    "gather": gather,
    "as_completed": in_order("as_completed"),
    "map_bounded": in_order("map_bounded"),
    "race": in_order("race"),
    "retry": in_order("retry"),
    "timeout": in_order("timeout"),
    "cancel": in_order("cancel"),
    "quicksort": computes("quicksort", "50000"),
    "matrix": computes("matrix", "60"),
    "tree_sum": computes("tree_sum", "12"),
    "producer_consumer": in_order("producer_consumer"),
    "fan_out": in_order("fan_out"),
    "event_bus": in_order("event_bus"),
    "resource_pool": in_order("resource_pool"),
    "rate_limiter": in_order("rate_limiter"),
    "echo": echo,
    "http": http,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help="the folder of the compiled examples")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CHECKS)}; all of them by default")
    options = parser.parse_args()
    failed = False
    for name in options.names or CHECKS:
        if name not in CHECKS:
            parser.error(f"there is no example {name}")
        try:
            lines = CHECKS[name](Twins(name, options.bin))
            print(f"{name}: weft and asyncio agree", *lines, sep="\n    ", flush=True)
        except Failure as failure:
            failed = True
            print(f"{name}: FAILED: {failure}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
