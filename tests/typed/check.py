#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles each case of a file beside this one, in C and in C++, and looks whether the compiler takes it or refuses it as the case says."""

import argparse
import pathlib
import re
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--include", required=True)
    parser.add_argument("--cc", required=True)
    parser.add_argument("--cxx", required=True)
    parser.add_argument("file", help="refused.c, say")
    args = parser.parse_args()

    source = pathlib.Path(__file__).resolve().parent / args.file
    cases = re.findall(r"CASE == (\d+) +/\* (compiles|refused): (.*) \*/", source.read_text())
    if [int(number) for number, _, _ in cases] != list(range(len(cases))) or len(cases) < 2:
        print(f"the cases of {args.file} are not numbered in order")
        return 1
    failed = 0
    # Without -Werror: a warning alone would not keep a program from being built.
    for compiler, language in (args.cc, ["-x", "c", "-std=c11"]), (args.cxx, ["-x", "c++", "-std=c++11"]):
        for number, want, what in cases:
            done = subprocess.run([compiler, *language, "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", f"-DCASE={number}",
                                   f"-I{args.include}", source], capture_output=True, text=True, timeout=60)
            compiled = done.returncode == 0
            good = compiled and not done.stderr if want == "compiles" else not compiled and "error: " in done.stderr
            failed += not good
            print(f"{'pass' if good else 'FAIL'} {language[1]}: {want}: {what}")
            if not good:
                print("".join(f"    | {line}\n" for line in done.stderr.splitlines()), end="")
    print(f"{2 * len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
