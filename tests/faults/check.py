#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the planted faults and demands that each is reported as a failure, for the reason that was planted.

Each program runs once a fault, so that no failure can hide behind another: it must exit with a status other than 0,
count one failure and say what the fault is. The tests without a fault must pass, or the reports would mean nothing.
"""

import argparse
import os
import re
import subprocess
import sys

passed = 0
failed = 0


def judge(name, problems, output):
    global passed, failed
    if problems:
        failed += 1
        print(f"FAIL {name}: {'; '.join(problems)}")
        print("".join(f"    | {line}\n" for line in output.splitlines()), end="")
    else:
        passed += 1
        print(f"pass {name}")
    sys.stdout.flush()


def execute(command, environment):
    # The own time limits of the tests are the ones under test; this one is there for a harness that fails to keep them.
    try:
        done = subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120, errors="replace")
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode(errors="replace")


def counts(output, main):
    """The numbers of tests that passed and failed, as the runner says."""
    if main == "own":
        found = re.search(r"^(\d+) passed, (\d+) failed$", output, re.M)
        return (int(found[1]), int(found[2])) if found else None
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    found = re.search(r"Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+)", plain)
    return (int(found[2]), int(found[3])) if found else None


class Program:
    def __init__(self, tool, path, main, launcher=(), environment=None):
        self.tool = tool
        self.path = path
        self.main = main
        self.launcher = list(launcher)
        self.environment = environment or {}

    def run(self, test, environment):
        suite, name = test.split("/")
        choice = ["--filter", test] if self.main == "own" else ["--jobs", "1", "--filter", f"{suite}/{name}"]
        return execute(self.launcher + [self.path] + choice, {**self.environment, **environment})

    def expect(self, test, pattern=None, environment=None):
        """The test must pass; with a pattern it must fail, and the output must match it."""
        status, output = self.run(test, environment or {})
        want = (1, 0) if pattern is None else (0, 1)
        problems = []
        if status is None:
            problems.append("does not end")
        elif (status == 0) != (pattern is None):
            problems.append(f"the exit status is {status}")
        if counts(output, self.main) != want:
            problems.append(f"counts (passed, failed) {counts(output, self.main)}, not {want}")
        if pattern is not None and not re.search(pattern, output):
            problems.append(f"nothing like {pattern!r} is said")
        judge(f"{self.tool}: {test}", problems, output)


def main():
    parser = argparse.ArgumentParser()
    for name in "harness", "tasks", "main", "sanitizer", "launcher", "tsan-launcher", "asan", "tsan", "valgrind":
        parser.add_argument(f"--{name}", default="")
    args = parser.parse_args()

    def words(text):
        return [word for word in text.split(";") if word]

    # What every build sees.
    launcher = words(args.launcher)
    harness = Program("harness", args.harness, args.main, launcher)
    harness.expect("sound/passes")
    harness.expect("sound/frees_what_it_allocates")
    harness.expect("fault/failed_check_at_once", r"faults\.c:\d+: check failed: one == 2, with 1 and 2")
    on_thread = r'faults\.c:\d+: check failed: arg equals "right", with "wrong" and "right"'
    harness.expect("fault/failed_check_on_a_thread", on_thread)
    harness.expect("fault/failed_check_with_signals_blocked", r"faults\.c:\d+: check failed: sink != NULL")
    harness.expect("fault/crash", r"signal|SEGV|CRASH")
    harness.expect("fault/exit_in_the_middle_with_handlers", r"exit|CRASH")
    harness.expect("fault/exit_in_the_middle_past_handlers", r"exit|CRASH")
    harness.expect("fault/endless", r"(?i)no end after|timed out", {"WEFT_TEST_TIMEOUT": "3"})

    # A mistake in a filter must not look like a success.
    status, output = harness.run("sound/is_not_there", {})
    judge("harness: no test at all", [] if status else [f"the exit status is {status}"], output)

    tasks = Program("tasks", args.tasks, args.main, launcher)
    tasks.expect("sound_task/passes_alone")
    tasks.expect("sound_task/passes_as_a_pair")
    in_task = r"task_faults\.c:\d+: check failed: \(arg\) != NULL"
    tasks.expect("fault_task/failed_check_after_a_suspension", in_task)
    tasks.expect("fault_task/failed_check_on_either_worker", in_task)

    # What this build's tool sees in tasks, and what each tool sees at all.
    leak = r"LeakSanitizer: detected memory leaks|definitely lost"
    use_after_free = r"heap-use-after-free|Invalid write of size 1"
    race = r"ThreadSanitizer: data race|Possible data race"
    if args.sanitizer == "address" or "valgrind" in args.launcher:
        tasks.expect("fault_task/leak", leak)
        tasks.expect("sound_task/memory_held_by_a_parked_task_is_no_leak")
        tasks.expect("fault_task/memory_lost_beside_parked_tasks", leak)
        tasks.expect("fault_task/use_after_free", use_after_free)
    if args.sanitizer == "thread":
        tasks.expect("fault_task/race", race)

    programs = []
    if args.asan:
        asan = Program("asan", args.asan, "own")
        asan.expect("fault/leak", leak)
        asan.expect("fault/use_after_free", use_after_free)
        programs.append(asan)
    if args.tsan:
        tsan = Program("tsan", args.tsan, "own", words(args.tsan_launcher))
        tsan.expect("fault/race", race)
        programs.append(tsan)
    if args.valgrind:
        options = ["valgrind", "--error-exitcode=99"]
        memcheck = Program("memcheck", args.valgrind, "own",
                           options + ["--leak-check=full", "--errors-for-leak-kinds=definite"])
        memcheck.expect("fault/leak", leak)
        memcheck.expect("fault/use_after_free", use_after_free)
        helgrind = Program("helgrind", args.valgrind, "own", options + ["--tool=helgrind"])
        helgrind.expect("fault/race", race)
        programs += [memcheck, helgrind]
    for program in programs:
        program.expect("sound/passes")
        program.expect("sound/frees_what_it_allocates")
        program.expect("fault/failed_check_at_once", r"check failed: one == 2")
        program.expect("fault/failed_check_on_a_thread", on_thread)

    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
