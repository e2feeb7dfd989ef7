#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The test of the tests of documents: what is wrong in a document is found, and said of the right line."""
import pathlib
import tempfile
import unittest

import check
import snippets

GOOD = """# Title

<!-- example: one
1
c| of C
python| of Python
-->
```python
print(1)
```

```c
puts("1");
```
"""


class Snippets(unittest.TestCase):
    def document(self, text, folder=None):
        folder = folder or self.enterContext(tempfile.TemporaryDirectory())
        path = pathlib.Path(folder) / "page.md"
        path.write_text(text, encoding="utf-8")
        return snippets.Document(path)

    def assert_error(self, text, line, words):
        errors = self.document(text).errors
        self.assertEqual(len(errors), 1, errors)
        self.assertRegex(errors[0], rf"page.md:{line}: .*{words}")

    def test_a_good_document_has_no_errors(self):
        document = self.document(GOOD)
        self.assertEqual(document.errors, [])
        self.assertEqual(document.examples[0].expected("c"), ["1", "of C"])
        self.assertEqual(document.examples[0].expected("python"), ["1", "of Python"])

    def test_a_block_without_an_example_is_an_error(self):
        self.assert_error('```c\nputs("1");\n```\n', 1, "belongs to no example")
        self.assert_error("text\n\n```python\nprint(1)\n```\n", 3, "belongs to no example")

    def test_a_heading_ends_an_example(self):
        self.assert_error(GOOD + "\n## Next\n\n```c\nputs(\"2\");\n```\n", 18, "belongs to no example")

    def test_a_second_block_of_a_language_is_an_error(self):
        self.assert_error(GOOD + '\n```c\nputs("2");\n```\n', 16, "second c block")

    def test_an_example_needs_c_and_output(self):
        self.assert_error("<!-- example: one\n1\n-->\n```python\nprint(1)\n```\n", 1, "has no C")
        self.assert_error('<!-- example: one -->\n```c\nputs("1");\n```\n', 1, "prints nothing")

    def test_names_are_used_once(self):
        self.assert_error(GOOD + "\n" + GOOD, 18, "two examples one")

    def test_a_misspelt_comment_is_an_error(self):
        self.assert_error("<!-- example one\n1\n-->\n", 1, "is none")

    def test_a_block_without_an_end_is_an_error(self):
        errors = self.document('<!-- example: one\n1\n-->\n```c\nputs("1");\n').errors
        self.assertRegex(errors[0], "page.md:4: .*without an end")

    def test_other_languages_are_left_alone(self):
        self.assertEqual(self.document("```sh\nmake\n```\n").errors, [])

    def test_lines_of_programs_are_those_of_the_document(self):
        document = self.document(GOOD)
        example = document.examples[0]
        python = document.python_program(example).splitlines()
        self.assertEqual(python[GOOD.splitlines().index("print(1)")], "    print(1)")
        c = document.c_program(example, "f").splitlines()
        first = next(i for i, line in enumerate(c) if line.startswith("#line 1 ")) + 1
        self.assertEqual(c[first + GOOD.splitlines().index('puts("1");')], 'puts("1");')

    def test_only_what_was_shared_before_is_in_front(self):
        text = "<!-- shared -->\n```c\nint before;\n```\n\n" + GOOD + "\n<!-- shared -->\n```c\nint after;\n```\n"
        program = self.document(text).c_program(self.document(text).examples[0], "f")
        self.assertIn("int before;", program)
        self.assertNotIn("int after;", program)

    def test_code_of_a_header_that_is_not_there_is_an_error(self):
        self.assert_error(GOOD.replace('puts("1");', "@ include/weft/scope.h 99"), 13, "no piece of code 99")

    def test_code_of_headers_that_nobody_runs_is_found(self):
        document = self.document(GOOD.replace('puts("1");', "@ include/weft/scope.h 1"))
        found = "\n".join(snippets.unused_code_of_headers([document]))
        self.assertIn("include/weft.h:", found)
        self.assertEqual(found.count("include/weft/scope.h:"), 1)

    def test_remarks_are_no_code(self):
        pieces = snippets.code_of_header(snippets.ROOT / "include/weft/scope.h")
        self.assertEqual(pieces[0][-1][1], "n = weft_scope_close(s, n);")

    def test_unknown_names_and_broken_links_are_found(self):
        document = self.document("# A b\n\n`weft_spawn` `weft_spwan` `WEFT_ECLOSED`\n\n[x](#a-b) [y](#c) [z](no.md)\n")
        self.assertEqual([text.split(": ")[1] for text in check.unknown_names(document)], ["there is no weft_spwan"])
        self.assertEqual([text.split(": ")[1] for text in check.broken_links(document)],
                         ["#c leads nowhere", "no.md leads nowhere"])

    def test_other_output_fails(self):
        document = self.document(GOOD)
        example = document.examples[0]

        def passes(text):
            return check.check(document, example, "c", "", ["printf", text])[1]

        self.assertTrue(passes("1\\nof C\\n"))
        self.assertFalse(passes("1\\n"))
        self.assertFalse(passes("of C\\n1\\n"))
        example.any_order = True
        self.assertTrue(passes("of C\\n1\\n"))
        self.assertFalse(check.check(document, example, "c", "", ["false"])[1])


if __name__ == "__main__":
    unittest.main()
