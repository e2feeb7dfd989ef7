# SPDX-License-Identifier: MIT
"""A server under load: starts `PROGRAM CASE 0`, drives it and ends it."""

import os
import re
import subprocess
from pathlib import Path

from .programs import Failed, last_line


class Server:
    """A server on a free port of the loopback interface, ended by its pid when the block is left."""

    def __init__(self, argv, env, case="http"):
        try:
            self.process = subprocess.Popen(argv + [case, "0"], env=env, stdout=subprocess.PIPE,
                                            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        except OSError as why:
            raise Failed(f"cannot be started: {why}") from None

    def __enter__(self):
        try:
            # A server says where it listens, or ends.
            words = self.process.stdout.readline().split()
            if len(words) != 2 or words[0] != "listening":
                self.process.kill()
                raise Failed(f"does not listen: {last_line(self.process.communicate()[1])}")
            self.address = words[1]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def cpu_seconds(self):
        """User and system time of all threads. The name before the parenthesis may hold blanks."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii", errors="replace")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def microseconds(text):
    number, unit = re.fullmatch(r"([0-9.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6}[unit]


def under_load(server, argv, seconds):
    """Runs a load against a server: what it prints, and the CPU seconds of the server meanwhile."""
    before = server.cpu_seconds()
    try:
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=seconds + 60)
    except subprocess.TimeoutExpired:
        raise Failed(f"{Path(argv[0]).name} did not end") from None
    if server.process.poll() is not None:
        raise Failed(f"the server ended with status {server.process.returncode}")
    cpu = server.cpu_seconds() - before
    wrong = re.search(r"(Socket errors|Non-2xx).*", done.stdout)
    if done.returncode != 0 or wrong:
        raise Failed(f"{Path(argv[0]).name}: {wrong.group(0) if wrong else last_line(done.stderr)}")
    return done.stdout, cpu


def drive(server, connections, args, load=None):
    """Loads a server: requests, CPU microseconds a request, requests a second, p99 in microseconds.

    wrk does it, for `http`; for `echo` the program `load` of this folder, which `load` names.
    """
    threads = min(args.wrk_threads, connections)
    if load is None:
        argv = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{args.seconds}s", "--latency", f"http://{server.address}/"]
        patterns = (r"([0-9]+) requests in", r"Requests/sec:\s+([0-9.]+)", r"99%\s+([0-9.]+(?:us|ms|s|m))\s")
    else:
        argv = [*load, server.address, str(connections), str(args.seconds), str(threads)]
        patterns = (r"requests ([0-9]+)", r"rate ([0-9.]+)", r"p99 ([0-9.]+)")
    out, cpu = under_load(server, argv, args.seconds)
    found = [re.search(pattern, out) for pattern in patterns]
    if None in found or int(found[0].group(1)) == 0:
        raise Failed(f"the load says nothing of use: {last_line(out)}")
    requests, rate, p99 = (match.group(1) for match in found)
    return {
        "requests": int(requests),
        "cpu": cpu / int(requests) * 1e6,
        "rate": float(rate),
        "p99": float(p99) if load else microseconds(p99),
    }
