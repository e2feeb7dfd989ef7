#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Looks that each rule of docs/SEMANTICS.md is proved by a test that there is.

    tests/docs/check_semantics.py [docs/SEMANTICS.md]

A row of its tables is: the rule | tests, as `suite.name` | the files that have them. It fails

  - where a row names no test, or one that none of its files has, or a file that has none of its tests;
  - where a file is not built by any CMakeLists.txt under tests/;
  - where a function, type or macro of weft's is named that the public headers do not have;
  - where two rows say the same.

Then it does to a copy of the text what it is to find, and fails where it does not find it.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAD = "| Rule | Test | File |"
TEST = re.compile(r"^\s*[A-Z_]+_TEST\((\w+),\s*(\w+)\)", re.MULTILINE)
CASE = re.compile(r'\{"(\w+)", \w+\}')  # of a model
WEFT_NAME = re.compile(r"\b(?:weft_[a-z]\w*|WEFT_[A-Z]\w*)")


def tests_of(path):
    """The names of the tests in a file; a model's cases are tests of the suite that is the file."""
    text = path.read_text(encoding="utf-8")
    if path.stem.startswith("model_"):
        return {f"{path.stem}.{case}" for case in CASE.findall(text)}
    return {f"{suite}.{name}" for suite, name in TEST.findall(text)}


def rows_of(text):
    """The number of each line that is a row, and its cells."""
    rows, inside = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if line == HEAD:
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("| ---"):
            rows.append((number, [cell.strip() for cell in line.strip("|").split(" | ")]))
    return rows


def is_built(path, lists):
    """A CMakeLists.txt names the file, or the end of its name in a list from which it makes the names."""
    whole, part = path.name, re.sub(r"^(test|stress|stress_races|model)_", "", path.stem)
    return any(re.search(rf"\b({re.escape(whole)}|{re.escape(path.stem)}|{re.escape(part)}|"
                         rf"{re.escape(path.stem.split('_', 2)[-1])})\b", text) for text in lists)


def plain(rule):
    return re.sub(r"\W+", " ", rule).strip().lower()


def problems_of(text, known, lists, public):
    rows, seen, found = rows_of(text), {}, []
    if len(rows) < 50:
        found.append(f"it has {len(rows)} rows: has the head of the tables changed? {HEAD}")
    for number, cells in rows:
        if len(cells) != 3:
            found.append(f"{number}: {len(cells)} cells")
            continue
        rule, tests, files = cells[0], re.findall(r"`([^`]*)`", cells[1]), re.findall(r"`([^`]*)`", cells[2])
        if plain(rule) in seen:
            found.append(f"{number}: says what {seen[plain(rule)]} says")
        seen[plain(rule)] = number
        if not tests:
            found.append(f"{number}: no test")
        for name in files:
            if name not in known:
                found.append(f"{number}: no file {name}")
            elif not known[name] & set(tests):
                found.append(f"{number}: none of its tests is in {name}")
            elif not is_built(pathlib.Path(name), lists):
                found.append(f"{number}: no CMakeLists.txt builds {name}")
        there = set().union(*(known.get(name, set()) for name in files))
        found += [f"{number}: no test {name} in {', '.join(files) or 'a file'}" for name in tests if name not in there]
    for number, line in enumerate(text.splitlines(), 1):
        found += [f"{number}: no {name} in include/weft" for name in WEFT_NAME.findall(line) if name not in public]
    return found


def planted(text, rows):
    """What has to be found: what it is, and the text that has it."""
    lines = text.splitlines()
    number, (rule, tests, files) = rows[len(rows) // 2]
    name = re.findall(r"`([^`]*)`", tests)[0]

    def put(line, extra=False):
        return "\n".join(lines[:number] + [line] + lines[number:] if extra else lines[:number - 1] + [line] + lines[number:])

    yield "a test that there is not", put(f"| {rule} | `{name}_not` | {files} |")
    yield "a rule without a test", put(f"| {rule} | | {files} |")
    yield "a file that there is not", put(f"| {rule} | {tests} | `tests/sched/test_nothing.c` |")
    yield "a file without the test", put(f"| {rule} | {tests} | {files}, `tests/sched/test_deque.c` |")
    yield "a rule that is there twice", put(f"| {rule.upper()}. | {tests} | {files} |", extra=True)
    yield "a function that there is not", put(f"| {rule} `weft_never_was` | {tests} | {files} |")


def main():
    document = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "SEMANTICS.md"
    known = {str(path.relative_to(ROOT)): tests_of(path) for path in (ROOT / "tests").rglob("*.c")}
    lists = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("CMakeLists.txt")]
    public = set()
    for path in (ROOT / "include").rglob("*.h"):
        header = path.read_text(encoding="utf-8")
        public |= set(WEFT_NAME.findall(header))
        public |= {f"WEFT_{name}" for name in re.findall(r"^\s*X\((\w+), ", header, re.MULTILINE)}
    public.add("WEFT_DEBUG")  # an environment variable
    text = document.read_text(encoding="utf-8")
    found = problems_of(text, known, lists, public)
    rows = rows_of(text)
    for line in found:
        print(f"{document}:{line}")
    if found:
        return 1
    for what, changed in planted(text, rows):
        if len(problems_of(changed, known, lists, public)) == 0:
            print(f"{sys.argv[0]} does not find {what}")
            return 1
    named = {name for _, cells in rows for name in re.findall(r"`([^`]*)`", cells[1])}
    print(f"{len(rows)} rules, {len(named)} tests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
