#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The code of a Markdown document, as programs.

    tests/docs/snippets.py OUT DOCUMENT...      writes them to the folder OUT, and prints the names of the C sources

A comment, which readers do not see, says that an example begins, what it is called, and what it prints:

    <!-- example: gather
    [9, 16]
    -->

The blocks of code (```c, ```python) from there to the next heading are that example: one of each language at the most, and each
must print what the comment says. `<!-- example: gather, any order` compares sorted lines. A line behind `c| ` or `python| ` is
printed by that one only. Blocks after `<!-- shared -->` are in front of all later ones. Any other block of the two languages is an error: what
is not run may be wrong.

A C block is one of three things, told apart by what it defines:
    int main(void)            a program
    static int app(void *...) the functions of a program, whose main() is `return weft_main(app, NULL);`
    neither                   statements: the body of such an app()
A Python block likewise: one with `asyncio.run` or `asyncio.Runner` in it, one that defines `async def main():`, or the body of it.

A line `@ include/weft/scope.h 2` in a C block stands for the second piece of code in the comment at the top of that header;
`@ include/weft/scope.h 2 1-3` for three lines of it. A piece is what is indented by four, between empty lines. In it, words
behind a statement are remarks, and `...` is an empty statement. All code of all headers has to be used by some document, or be
named: `<!-- not code: include/weft/scope.h 2 -->`.

Programs are made by blanking all else in the document, so that the lines of the compiler's messages are those of the document; what has to be
added stands on the lines of the fences.
"""
import pathlib
import re
import sys

FENCE = re.compile(r"^```(\w*)\s*$")
OPENING = re.compile(r"^<!-- (example: ([a-z0-9_]+)(, any order)?|shared) ?(-->)?$")
NOT_CODE = re.compile(r"^<!-- not code: (\S+) (\d+)\b.*-->$")
FROM_HEADER = re.compile(r"^\s*@ (\S+) (\d+)(?: (\d+)-(\d+))?$")
LANGUAGES = ("c", "python")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def code_of_header(path):
    """The pieces of code in the header's first comment, each a list of (number of the line, text)."""
    pieces, piece, before = [], None, ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line == " */":
            break
        indented = re.match(r"^ \*     (.*)$", line)
        if indented and (piece or before == " *"):
            if not piece:
                piece = []
                pieces.append(piece)
            text = re.sub(r"(?<=[;{}),]) {2,}[A-Za-z`].*", "", indented[1])
            piece.append((number, re.sub(r"^(\s*)\.\.\..*", r"\1(void)0;", text)))
        elif line != " *":
            piece = None
        before = line
    return pieces


def all_headers():
    return sorted((ROOT / "include").rglob("*.h"))


class Block:
    def __init__(self, start):
        self.start = start  # the line of the opening fence, from 0
        self.end = None     # that of the closing one
        self.lines = []

    def text(self):
        return "\n".join(self.lines)


class Example:
    def __init__(self, name, any_order, line):
        self.name = name
        self.any_order = any_order
        self.line = line
        self.output = []  # (language or None for both, text)
        self.blocks = {}

    def expected(self, language):
        return [text for only, text in self.output if only in (None, language)]


class Document:
    def __init__(self, path):
        self.path = pathlib.Path(path).resolve()
        self.lines = self.path.read_text(encoding="utf-8").splitlines()
        self.examples = []
        self.shared = {language: [] for language in LANGUAGES}
        self.errors = []
        self.of_headers = set()  # (header, line) of code that is used here
        self._parse()

    def error(self, line, text):
        self.errors.append(f"{self.path}:{line + 1}: {text}")

    def _parse(self):
        current, sharing, i = None, False, 0
        while i < len(self.lines):
            line = self.lines[i]
            opening, fence, none = OPENING.match(line), FENCE.match(line), NOT_CODE.match(line)
            if opening:
                sharing, current = opening[1] == "shared", None
                if not sharing:
                    current = Example(opening[2], bool(opening[3]), i)
                    if any(e.name == current.name for e in self.examples):
                        self.error(i, f"there are two examples {current.name}")
                    self.examples.append(current)
                while not self.lines[i].endswith("-->") and i + 1 < len(self.lines):
                    i += 1
                    if current and self.lines[i] != "-->":
                        only = re.match(r"(c|python)\| ?(.*)", self.lines[i])
                        current.output.append((only[1], only[2]) if only else (None, self.lines[i]))
            elif line.startswith("<!-- example") or line.startswith("<!-- shared"):
                self.error(i, "a comment that begins as an example's does, but is none")
            elif none:
                self._from_header(i, none[1], int(none[2]), 1, None)
            elif line.startswith("#"):
                current, sharing = None, False
            elif fence:
                i = self._block(i, fence[1], current, sharing)
            i += 1
        for example in self.examples:
            if "c" not in example.blocks:
                self.error(example.line, f"the example {example.name} has no C")
            if not example.output:
                self.error(example.line, f"the example {example.name} prints nothing, so nothing is compared")

    def _block(self, start, language, example, sharing):
        block, i = Block(start), start + 1
        while i < len(self.lines) and self.lines[i] != "```":
            block.lines.append(self.lines[i])
            included = FROM_HEADER.match(self.lines[i])
            if included:
                self._from_header(i, included[1], int(included[2]), int(included[3] or 1), included[4])
            i += 1
        block.end = i
        if i == len(self.lines):
            self.error(start, "a block of code without an end")
        elif language not in LANGUAGES:
            pass
        elif sharing:
            self.shared[language].append(block)
        elif example is None:
            self.error(start, f"a {language} block that belongs to no example")
        elif language in example.blocks:
            self.error(start, f"a second {language} block of the example {example.name}")
        else:
            example.blocks[language] = block
        return i

    def _from_header(self, line, name, number, first, last):
        """Lines of a piece of code in a header, by number, with their text."""
        path = ROOT / name
        pieces = code_of_header(path) if path.exists() else []
        if not 1 <= number <= len(pieces):
            self.error(line, f"there is no piece of code {number} in {name}")
            return []
        chosen = pieces[number - 1][first - 1:int(last) if last else None]
        self.of_headers |= {(name, number) for number, _ in chosen}
        return chosen

    def _with_headers(self, lines):
        for i, line in enumerate(lines):
            included = FROM_HEADER.match(line)
            if not included:
                yield line
                continue
            yield f'#line 1 "{ROOT / included[1]}"'
            at = 1
            for number, text in self._from_header(i, included[1], int(included[2]), int(included[3] or 1), included[4]):
                while at < number:
                    yield ""
                    at += 1
                yield text
                at += 1
            yield f'#line {i + 2} "{self.path}"'

    def _blanked(self, language, block):
        """The document without all else, but for what is shared before the block."""
        lines = [""] * len(self.lines)
        shared = [b for b in self.shared[language] if b.start < block.start]
        for b in [*shared, block]:
            lines[b.start + 1:b.end] = b.lines
        return lines, shared

    def c_program(self, example, function):
        block = example.blocks["c"]
        lines, shared = self._blanked("c", block)
        head, text = [f"int {function}(void);"], "\n".join(self._with_headers(block.lines))
        if re.search(r"^int main\(void\)", text, re.M):
            head.append(f"#define main {function}")
        else:
            entry = f"int {function}(void) {{ return weft_main(app, NULL); }}"
            if re.search(r"^static int app\(void \*", text, re.M):
                lines[block.end] = entry
            else:
                lines[block.start] = "static int app(void *app_arg) { (void)app_arg;"
                lines[block.end] = "return 0; } " + entry
        for b in shared:
            # Nobody uses all that is shared.
            lines[b.start] = '_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \\"-Wunused-function\\"")'
            lines[b.end] = '_Pragma("GCC diagnostic pop")'
        return "\n".join([*head, f'#line 1 "{self.path}"', *self._with_headers(lines), ""])

    def python_program(self, example):
        block = example.blocks["python"]
        lines, _ = self._blanked("python", block)
        if not re.search(r"\basyncio\.(run|Runner)\(", block.text()):
            if not re.search(r"^async def main\(\):", block.text(), re.M):
                lines[block.start] = "async def main():"
                for i in range(block.start + 1, block.end):
                    lines[i] = "    " + lines[i]
            lines[block.end] = "asyncio.run(main())"
        return "\n".join([*lines, ""])


def unused_code_of_headers(documents):
    used = set().union(*(document.of_headers for document in documents))
    for path in all_headers():
        name = str(path.relative_to(ROOT))
        for piece in code_of_header(path):
            if any(text.strip() and (name, number) not in used for number, text in piece):
                yield f"{path}:{piece[0][0]}: code in a comment that no document of this test runs (see tests/docs/HEADERS.md)"


def stem(document, example):
    return re.sub(r"\W", "_", document.path.stem).lower() + "_" + example.name


def write(path, text):
    """Leaves a file that has not changed alone, so that it is not compiled again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def generate(out, documents):
    """Writes all programs, and one source that calls the C ones by name. Returns the names of the C sources."""
    out.mkdir(parents=True, exist_ok=True)
    names = []
    for document in documents:
        for example in document.examples:
            name = stem(document, example)
            if "c" in example.blocks:
                names.append(name)
                write(out / f"{name}.c", document.c_program(example, f"example_{name}"))
            if "python" in example.blocks:
                write(out / f"{name}.py", document.python_program(example))
    declarations = "".join(f"int example_{name}(void);\n" for name in names)
    calls = "".join(f'    if (strcmp(argv[1], "{name}") == 0)\n        return example_{name}();\n' for name in names)
    write(out / "main.c", "/* Runs the example that is named. */\n#include <stdio.h>\n#include <string.h>\n\n"
          f"{declarations}\nint main(int argc, char **argv)\n{{\n    if (argc != 2)\n        return 2;\n{calls}"
          '    fprintf(stderr, "no example %s\\n", argv[1]);\n    return 2;\n}\n')
    return [f"{name}.c" for name in names] + ["main.c"]


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    found = [Document(path) for path in sys.argv[2:]]
    print("\n".join(generate(pathlib.Path(sys.argv[1]), found)))
    for problem in [error for document in found for error in document.errors] + list(unused_code_of_headers(found)):
        print(problem, file=sys.stderr)
