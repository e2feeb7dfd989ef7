# SPDX-License-Identifier: MIT
"""Servers under test: started on a port that the system chooses, and ended as a user would end them."""
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

# Sanitizers slow a program down; the tests are told by how much.
TIME_SCALE = int(os.environ.get("WEFT_TEST_TIME_SCALE", "1"))
START_LIMIT_S = 30 * TIME_SCALE
STOP_LIMIT_S = 30 * TIME_SCALE
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """What a check found wrong, for people."""


def command_of(program):
    """A twin runs under this interpreter, anything else by itself."""
    return [sys.executable, program] if program.endswith(".py") else [program]


def default_sigint():
    # A shell without job control starts its background jobs, and so us, with SIGINT ignored; a server needs it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Server:
    """A program that prints the address that it bound on its first line. In a with block: started, ended, checked."""

    def __init__(self, program, address="127.0.0.1:0", environment=None):
        self.program = program
        self.is_twin = program.endswith(".py")
        self.arguments = command_of(program) + [address]
        self.environment = {**os.environ, **(environment or {})}

    def __enter__(self):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self.arguments, stdout=subprocess.PIPE, stderr=self.errors, env=self.environment, preexec_fn=default_sigint
        )
        self.pid = self.process.pid
        lines = queue.Queue()
        threading.Thread(target=lambda: [lines.put(line) for line in self.process.stdout], daemon=True).start()
        try:
            self.first_line = lines.get(timeout=START_LIMIT_S).decode().strip()
        except queue.Empty:
            self.process.kill()
            self.process.wait()
            raise Failure(f"{self.program} did not say its address within {START_LIMIT_S} s: {self.stderr()}") from None
        match = re.search(r"([\w.]+|\[[\w:.]+\]):(\d+)", self.first_line)
        if match is None:
            self.process.kill()
            self.process.wait()
            raise Failure(f"{self.program}: no address in {self.first_line!r}")
        self.host, self.port = match[1], int(match[2])
        self.address = f"{self.host}:{self.port}"
        return self

    def __exit__(self, *_):
        # The twin leaves by a signal's default action, as Python's own handler would print a stack of calls.
        dead_already = self.process.poll() is not None
        self.process.send_signal(signal.SIGTERM if self.is_twin else signal.SIGINT)
        try:
            status = self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"{self.program} did not end within {STOP_LIMIT_S} s of a signal: {self.stderr()}") from None
        said = self.stderr()
        expected = -signal.SIGTERM if self.is_twin else 128 + signal.SIGINT
        if dead_already or status != expected or (said and not self.is_twin):
            when = "before it was asked to end" if dead_already else "when it was asked to end"
            raise Failure(f"{self.program} left {when} with status {status}, not {expected}; it said: {said}")

    def stderr(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def wait_for_descriptors(self, most, limit_s=20 * TIME_SCALE):
        """Every connection that was dropped must come back as a closed descriptor."""
        deadline = time.monotonic() + limit_s
        while (count := self.descriptors()) > most:
            if time.monotonic() > deadline:
                raise Failure(f"{self.program} holds {count} descriptors, {most} before: it leaks connections")
            time.sleep(0.05)

    def cpu_seconds(self):
        """User and system time of all its threads, those that have ended among them."""
        return self._cpu_seconds(f"/proc/{self.pid}/stat")

    def cpu_seconds_of_threads(self):
        """The same for each thread that is alive."""
        seconds = {}
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            try:
                seconds[thread] = self._cpu_seconds(f"/proc/{self.pid}/task/{thread}/stat")
            except (FileNotFoundError, ProcessLookupError):
                pass  # It ended between the two calls.
        return seconds

    @staticmethod
    def _cpu_seconds(path):
        with open(path, encoding="utf-8", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS
