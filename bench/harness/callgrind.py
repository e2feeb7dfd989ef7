# SPDX-License-Identifier: MIT
"""Runs a program under callgrind and says how often each of its instructions ran, and which of them are atomic.

Callgrind is asked for a count at every address (--dump-instr=yes), so nothing depends on its call graph, which the
switching of stacks confuses. The addresses are those of the object file, so objdump's text of it tells what they are.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from .programs import Failed, last_line, need

# A listing is the same for as long as the file is; libc's takes a second.
_listings = {}

_INSTRUCTION = re.compile(r"^ *([0-9a-f]+):\t(.*)$")
_SYMBOL = re.compile(r"^[0-9a-f]+ <(.+)>:$")


def kind_of(text):
    """`atomic`, `fence`, `syscall` or None for an instruction of x86-64 as objdump writes it."""
    words = text.split(None, 1)
    name = words[0]
    operands = words[1] if len(words) > 1 else ""
    if name == "lock":
        # A locked `or` of zero to the top of the stack is a compiler's fence and exchanges nothing.
        return "fence" if re.match(r"or[ql]? +\$0x0,(-0x[0-9a-f]+)?\(%rsp\)", operands) else "atomic"
    # An exchange with memory locks without being told to; one between registers does not.
    if name.startswith("xchg"):
        return "atomic" if "(" in operands else None
    if name == "mfence":
        return "fence"
    return "syscall" if name == "syscall" else None


def listing(path):
    """The instructions of an object file that are worth counting: {address: (kind, function, text)}."""
    if path in _listings:
        return _listings[path]
    found, function = {}, "?"
    with subprocess.Popen(["objdump", "-d", "--no-show-raw-insn", path], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, env={**os.environ, "LC_ALL": "C"}) as objdump:
        for line in objdump.stdout:
            match = _INSTRUCTION.match(line)
            if match:
                text = match.group(2).split("#")[0].strip()
                kind = kind_of(text) if text else None
                if kind:
                    found[int(match.group(1), 16)] = (kind, function, " ".join(text.split()))
                continue
            match = _SYMBOL.match(line)
            if match:
                function = match.group(1)
    _listings[path] = found
    return found


def parse(lines):
    """Self counts of an uncompressed callgrind file: Counter of (object, function, address)."""
    counts = Counter()
    obj = function = "?"
    inclusive = False
    for line in lines:
        if line.startswith("0x"):
            if inclusive:
                # What follows `calls=` is the cost of the callee, which its own lines have already.
                inclusive = False
                continue
            words = line.split()
            if len(words) == 2:
                counts[obj, function, int(words[0], 16)] += int(words[1])
        elif line.startswith("calls="):
            inclusive = True
        elif line.startswith("ob="):
            obj = line[3:].strip()
        elif line.startswith("fn="):
            # A number after an apostrophe is the depth of a recursion.
            function = re.sub(r"'\d+$", "", line[3:].strip())
    return counts


def without_driver(threads):
    """The counts of all threads but the driver's, which acts by the clock, so that no two runs of it are the same.

    It is told by libuv's loop: others touch that at the start and the end only.
    """
    def in_loop(counts):
        return sum(n for (_, function, _), n in counts.items() if function == "uv_run")

    driver = max(threads, key=in_loop, default=None)
    total = Counter()
    for counts in threads:
        if counts is not driver or in_loop(counts) == 0:
            total.update(counts)
    return total


def check_tools():
    need("valgrind", "apt-get install valgrind")
    need("objdump", "apt-get install binutils")
    if os.uname().machine != "x86_64":
        raise Failed("atomic instructions are known for x86-64 only")


def run(argv, env, timeout):
    """Runs `argv` under callgrind: its standard output and the counts of parse(), all threads but the driver's."""
    directory = Path(tempfile.mkdtemp(prefix="weft-callgrind-"))
    try:
        # The fair scheduler hands the turn on in order, so a spinning thread does not keep it.
        done = subprocess.run(
            ["valgrind", "--quiet", "--tool=callgrind", "--fair-sched=try", "--dump-instr=yes", "--dump-line=no",
             "--separate-threads=yes", "--compress-strings=no", "--compress-pos=no",
             f"--callgrind-out-file={directory}/out", *argv],
            env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout)
        if done.returncode != 0:
            raise Failed(f"status {done.returncode}: {last_line(done.stderr)}")
        threads = []
        for path in sorted(directory.glob("out-*")):
            with open(path, encoding="utf-8", errors="replace") as out:
                threads.append(parse(out))
        if not threads:
            raise Failed(f"callgrind wrote no figures: {last_line(done.stderr)}")
        return done.stdout, without_driver(threads)
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {timeout} s") from None
    finally:
        shutil.rmtree(directory, ignore_errors=True)
