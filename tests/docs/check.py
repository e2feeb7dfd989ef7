#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs what snippets.py made of the documents, C and Python, and compares what it prints with what the documents say.

    tests/docs/check.py                         all of the build release
    tests/docs/check.py --only gather           one example, as the comment in front of it names it
    tests/docs/check.py --build build/asan      another build

Also fails where a document names a function or a macro that the public headers do not have, or a place that is not there, and for blocks of code
that are not run.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

import snippets

DOCUMENTS = [snippets.ROOT / name for name in ("docs/FROM-ASYNCIO.md", "README.md", "tests/docs/HEADERS.md")]
# What may stand on stderr. Whether a detached task is on its last instructions when the program ends, or gone, is nobody's to say.
# And valgrind speaks of system calls that it does not know, such as epoll_pwait2; for errors it has the exit status.
IN_ORDER = re.compile(r"^(weft: \d+ detached tasks? (was|were) still running at the end, and canceled|--\d+-- .*)\n", re.M)
LIMIT_S = 60 * int(os.environ.get("WEFT_TEST_TIME_SCALE", "1"))


def run(command, workers):
    """What it printed, or None, and why that is not to be had."""
    # The debug mode says on stderr what is left open, and that fails the example.
    environment = os.environ | {"WEFT_WORKERS": workers, "WEFT_DEBUG": "1"}
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=LIMIT_S,
                              env=environment)
    except subprocess.TimeoutExpired as late:
        return None, f"did not end within {LIMIT_S} s; it printed {late.stdout!r} and said {late.stderr!r}"
    said = IN_ORDER.sub("", done.stderr)
    if done.returncode != 0 or said:
        return None, f"ended with status {done.returncode}; it printed {done.stdout!r} and said: {said}"
    return done.stdout.splitlines(), None


def check(document, example, language, workers, command):
    """Returns a line for people, and whether all is well."""
    where = f"{document.path.name}: {example.name}, {language}" + (f", {workers} workers" if workers else "")
    printed, why = run(command, workers)
    if printed is None:
        return f"FAIL {where}: {why}", False
    expected = example.expected(language)
    if example.any_order:
        printed, expected = sorted(printed), sorted(expected)
    if printed != expected:
        return f"FAIL {where}: printed {printed}, not {expected}", False
    return f"pass {where}: {printed}", True


def unknown_names(document):
    headers = "".join(path.read_text(encoding="utf-8") for path in snippets.all_headers())
    known = set(re.findall(r"\b(?:weft_|WEFT_)\w+", headers))
    # What the errors' list makes: X(ECLOSED, ...) is WEFT_ECLOSED.
    known |= {f"WEFT_{name}" for name in re.findall(r"\bX\((E\w+),", headers)}
    for number, line in enumerate(document.lines):
        for name in re.findall(r"\b(?:weft_|WEFT_)\w+", line):
            if name not in known:
                yield f"{document.path}:{number + 1}: there is no {name}"


def broken_links(document):
    def anchor(heading):
        return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")

    code, headings = False, set()
    for line in document.lines:
        code ^= line.startswith("```")
        if not code and line.startswith("#"):
            headings.add(anchor(line.lstrip("#")))
    for number, line in enumerate(document.lines):
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            if target.startswith("#"):
                good = target[1:] in headings
            else:
                good = "://" in target or (document.path.parent / target.split("#")[0]).exists()
            if not good:
                yield f"{document.path}:{number + 1}: {target} leads nowhere"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=snippets.ROOT / "build" / "release", type=pathlib.Path,
                        help="the folder of the build")
    parser.add_argument("--launcher", default="", help="a command, its words parted by semicolons, in front of C programs")
    parser.add_argument("--workers", default="1,2,16", help="run each C program with so many: a list, parted by commas")
    parser.add_argument("--only", metavar="NAME", help="one example")
    parser.add_argument("documents", nargs="*", default=DOCUMENTS, metavar="DOCUMENT", type=pathlib.Path)
    options = parser.parse_args()
    launcher = [word for word in options.launcher.split(";") if word]
    documents = [snippets.Document(path) for path in options.documents]

    folder = options.build / "tests" / "docs"

    problems, jobs = [], []
    if not options.only:
        problems += snippets.unused_code_of_headers(documents)
    for document in documents:
        problems += document.errors
        problems += broken_links(document)
        if document.path.parent == snippets.ROOT / "docs":
            problems += unknown_names(document)
        for example in document.examples:
            name = snippets.stem(document, example)
            if options.only in (None, example.name):
                if "c" in example.blocks:
                    jobs += [(document, example, "c", workers, [*launcher, folder / "docs_examples", name])
                             for workers in options.workers.split(",")]
                if "python" in example.blocks:
                    jobs.append((document, example, "python", "", [sys.executable, folder / "snippets" / f"{name}.py"]))
    if sys.version_info < (3, 11):
        print("the Python examples are left out: they need Python 3.11")
        jobs = [job for job in jobs if job[2] != "python"]
    if not jobs:
        problems.append("nothing was run")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for line, good in pool.map(lambda job: check(*job), jobs):
            print(line, flush=True)
            if not good:
                problems.append(line)
    print("\n".join(problems) or f"{len(jobs)} examples print what the documents say")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
