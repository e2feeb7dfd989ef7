# SPDX-License-Identifier: MIT
"""The load generator wrk, with its figures as a dictionary."""
import json
import os
import shutil
import subprocess
import tempfile

from serving import Failure

# wrk's own report is for people; its Lua side gives the figures. Looking at each answer costs wrk a third of its rate,
# so that it is done only where the bytes are the point.
REPORT = """
local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function done(summary, latency, requests)
    local wrong = 0
    for _, thread in ipairs(threads) do
        wrong = wrong + (thread:get("wrong") or 0)
    end
    io.write(string.format("\\nfigures {\\"requests\\": %d, \\"seconds\\": %f, \\"p50_ms\\": %f, \\"p99_ms\\": %f, "
        .. "\\"connect\\": %d, \\"read\\": %d, \\"write\\": %d, "
        .. "\\"status\\": %d, \\"timeout\\": %d, \\"wrong\\": %d}\\n",
        summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        summary.errors.connect, summary.errors.read, summary.errors.write, summary.errors.status,
        summary.errors.timeout, wrong))
end
"""
COMPARE = """
wrong = 0

function response(status, headers, body)
    if status ~= 200 or body ~= "Hello, world!" or headers["Content-Length"] ~= "13"
        or headers["Content-Type"] ~= "text/plain" or headers["Connection"] ~= "keep-alive" then
        wrong = wrong + 1
    end
end
"""
ERRORS = ("connect", "read", "write", "status", "timeout", "wrong")


def is_here():
    return shutil.which("wrk") is not None


def run(address, connections, seconds, compare=False):
    threads = min(connections, len(os.sched_getaffinity(0)))
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(REPORT + (COMPARE if compare else ""))
        script.flush()
        command = ["wrk", "--threads", str(threads), "--connections", str(connections), "--duration", f"{seconds}s"]
        command += ["--timeout", "30s", "--latency", "--script", script.name, f"http://{address}/"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("figures "):
            figures = json.loads(line.removeprefix("figures "))
            figures["rate"] = figures["requests"] / figures["seconds"]
            figures["errors"] = sum(figures[kind] for kind in ERRORS)
            return figures
    raise Failure(f"wrk ended with status {done.returncode}: {done.stdout} {done.stderr}")
