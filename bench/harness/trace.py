# SPDX-License-Identifier: MIT
"""Counts the system calls of a running process by name: in the kernel by perf where it can, or else by strace.

perf costs a server some per cent; strace stops it twice a call, which changes what it does: more requests are ready at
each look, so there are fewer looks and fewer sleeps.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from .programs import Failed, last_line, need

TOTAL = "raw_syscalls:sys_enter"
PREFIX = "syscalls:sys_enter_"
# Those that servers make. All of some 360 would be counted too, but to let go of an event takes perf tens of
# milliseconds; what is not here is counted as `other`.
NAMES = set(
    "accept accept4 clock_nanosleep close epoll_ctl epoll_pwait epoll_pwait2 epoll_wait fcntl futex futex_wait "
    "futex_wake futex_waitv getpid io_uring_enter madvise membarrier mmap mprotect munmap nanosleep poll ppoll "
    "process_madvise read readv recvfrom recvmmsg recvmsg rt_sigprocmask rt_sigreturn sched_yield sendmmsg sendmsg "
    "sendto setsockopt tgkill timerfd_settime write writev".split())
PATIENCE = 20  # seconds for a tool to attach or to end


def perf_events():
    """The events of single system calls that perf may count here; none where it may not."""
    try:
        listed = subprocess.run(["perf", "list", "tracepoint"], capture_output=True, text=True,
                                stdin=subprocess.DEVNULL, timeout=60)
        tried = subprocess.run(["perf", "stat", "-e", TOTAL, "true"], capture_output=True, stdin=subprocess.DEVNULL,
                               timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    if tried.returncode != 0:
        return []
    found = set(re.findall(PREFIX + r"\w+", listed.stdout))
    return sorted(event for event in found if event.removeprefix(PREFIX) in NAMES)


def end(process, signal_number):
    """Asks a tool to end, which makes it let go of the process that it watches."""
    if process.poll() is None:
        process.send_signal(signal_number)
    try:
        return process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()


class Perf:
    """Counts between start and end of the block; `calls` has them by name."""

    def __init__(self, pid, events):
        self.pid, self.events, self.calls = pid, events, Counter()

    def __enter__(self):
        ctl_read, self.ctl = os.pipe()
        self.ack, ack_write = os.pipe()
        # No event counts before it is enabled, so the window has a sharp start.
        self.process = subprocess.Popen(
            ["perf", "stat", "-x", ";", "-D", "-1", f"--control=fd:{ctl_read},{ack_write}", "-e",
             ",".join([TOTAL, *self.events]), "-p", str(self.pid)],
            pass_fds=(ctl_read, ack_write), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, env={**os.environ, "LC_ALL": "C"})
        os.close(ctl_read)
        os.close(ack_write)
        try:
            self._tell("enable")
        except BaseException:
            self._close()
            raise
        return self

    def _tell(self, what):
        try:
            os.write(self.ctl, what.encode() + b"\n")
            # An empty answer is the end of a perf that could not attach.
            answer = os.read(self.ack, 16)
        except OSError:
            answer = b""
        if not answer:
            raise Failed(f"perf: {last_line(self.process.communicate()[1])}")

    def _close(self):
        os.close(self.ctl)
        os.close(self.ack)
        if self.process.returncode is None:
            return end(self.process, signal.SIGINT)[1]
        return ""

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self._tell("disable")
        finally:
            text = self._close()
        if kind is not None:
            return
        counts = {}
        for line in text.splitlines():
            words = line.split(";")
            if len(words) > 2 and (words[0].isdigit() or words[0] == "<not counted>"):
                # Not counted: no thread has run since the start of the window, so there was nothing to count.
                counts[words[2]] = int(words[0]) if words[0].isdigit() else 0
        if TOTAL not in counts:
            raise Failed(f"perf: {last_line(text)}")
        for event in self.events:
            if counts.get(event):
                self.calls[event.removeprefix(PREFIX)] = counts[event]
        other = counts[TOTAL] - sum(self.calls.values())
        if other > 0:
            self.calls["other"] = other


class Strace:
    """The same by strace. A call that was under way when strace came and is made anew because of that is left out."""

    LINE = re.compile(r"^ *\d+ +(\d+\.\d+) (?:(\w+)\(|\+\+\+|---|<)")

    def __init__(self, pid, settle):
        self.pid, self.settle, self.calls = pid, settle, Counter()

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="weft-strace-")
        self.log = Path(self.directory.name) / "log"
        # -c would count the calls that are made anew; without the settling time it is cheaper than a log.
        how = ["-ttt", "-s", "0"] if self.settle else ["-c"]
        try:
            self.process = subprocess.Popen(["strace", "-f", *how, "-o", str(self.log), "-p", str(self.pid)],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.PIPE, text=True, env={**os.environ, "LC_ALL": "C"})
            line = self.process.stderr.readline()
            if "attached" not in line:
                raise Failed(f"strace: {last_line(line + end(self.process, signal.SIGINT)[1])}")
        except BaseException:
            self.directory.cleanup()
            raise
        time.sleep(self.settle)
        self.since = time.time()
        return self

    def __exit__(self, kind, *_):
        until = time.time()
        end(self.process, signal.SIGINT)
        with self.directory:
            if kind is not None:
                return
            with open(self.log, encoding="utf-8", errors="replace") as log:
                if self.settle:
                    self._count_log(log, until)
                else:
                    self._count_table(log)

    def _count_log(self, log, until):
        for line in log:
            match = self.LINE.match(line)
            if match and match.group(2) and self.since <= float(match.group(1)) <= until:
                self.calls[match.group(2)] += 1

    def _count_table(self, log):
        for line in log:
            words = line.split()
            # "% time seconds usecs/call calls [errors] syscall"
            if len(words) in (5, 6) and words[3].isdigit() and words[-1] != "total":
                self.calls[words[-1]] += int(words[3])


class Tracer:
    """Chooses the tool, and makes a block for each window."""

    def __init__(self, tool):
        self.events = perf_events() if tool in ("auto", "perf") else []
        self.name = "perf" if self.events else "strace"
        if tool == "perf" and not self.events:
            raise Failed("perf may not count system calls here (linux-perf, and root or CAP_PERFMON)")
        if self.name == "strace":
            need("strace", "apt-get install strace")

    def every(self, pid, settle=0.0):
        """Counts calls by their names. With a time to settle the window is one of calls that are few."""
        return Perf(pid, self.events) if self.events else Strace(pid, settle)

    def only(self, pid, names):
        """The same at less cost: the calls that are not in `names` are counted as `other`."""
        if not self.events:
            return Strace(pid, 0.0)
        return Perf(pid, [e for e in self.events if e.removeprefix(PREFIX) in names])
