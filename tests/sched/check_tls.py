#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Proves from the machine code that the library touches thread-locals in one file only.

A task may resume on another thread, so the address of a thread-local that a compiler has kept over a suspension is that of
another thread's. The library reads its only one in sched/worker_self.c, by functions that are opaque to every caller. Here
each function of the built libraries is disassembled: none but those of that file may use the thread pointer or ask
for a thread-local's address. The check is checked: it must see the access in those that may, and find the violations that
are planted in the objects given as --planted.
"""

import argparse
import os
import re
import subprocess
import sys

# What touches a thread-local: through the thread pointer, or by asking for an address, in code or by a relocation.
X86 = re.compile(r"%[fg]s:(?!0x28\b)"  # 0x28 off it lies the stack protector's canary, the same in all threads
                 r"|__tls_get_addr|_TLS_MODULE_BASE_|@tls|R_X86_64_(?:TLS|GOTTPOFF|TPOFF|DTPMOD|DTPOFF|GOTPC32_TLSDESC)")
ARM = re.compile(r"\btpidr_el0\b|\btpidrro_el0\b|__tls_get_addr|\btlsdesc|R_AARCH64_TLS", re.I)  # LLVM writes registers in capitals

FUNCTION = re.compile(r"^[0-9a-f]+ <(.+)>:$")
MEMBER = re.compile(r"^(?:In archive .*:|(\S.*):\s+file format (\S+))$")


def base(symbol):
    """The function of the source that a symbol belongs to: compilers split and clone them."""
    return re.sub(r"\.(cold|part|isra|constprop|lto_priv|localalias|llvm)\b.*$", "", symbol)


def scan(listing):
    """Yields (member, function, line or None): once for each function, and once for each line that touches."""
    member, touches, function = "", X86, None
    for line in listing.splitlines():
        found = MEMBER.match(line)
        if found:
            if found[2]:
                member = os.path.basename(found[1])
                touches = ARM if "aarch64" in found[2] else X86
            continue
        found = FUNCTION.match(line)
        if found:
            function = base(found[1])
            yield member, function, None
        elif function and touches.search(line):
            yield member, function, line.strip()


SAMPLES = [  # of each way of either machine, as objdump prints it; and what is none
    ("elf64-x86-64", "mov    %fs:0xfffffffffffffff8,%rax", True),
    ("elf64-x86-64", "mov    %fs:(%rax),%rax", True),
    ("elf64-x86-64", "mov    %fs:0x0,%rax", True),
    ("elf64-x86-64", "call   1030 <__tls_get_addr@plt>", True),
    ("elf64-x86-64", "R_X86_64_TLSGD\tself-0x4", True),
    ("elf64-x86-64", "R_X86_64_GOTTPOFF\tself-0x4", True),
    ("elf64-x86-64", "sub    %fs:0x28,%rax", False),
    ("elf64-x86-64", "mov    0x8(%rsp),%rax", False),
    ("elf64-littleaarch64", "mrs\tx0, tpidr_el0", True),
    ("elf64-littleaarch64", "mrs\tx8, TPIDR_EL0", True),
    ("elf64-littleaarch64", "R_AARCH64_TLSDESC_CALL\tself", True),
    ("elf64-littleaarch64", "ldr\tx0, [sp, #8]", False),
]


def check_scan():
    for form, instruction, touches in SAMPLES:
        listing = f"a.o:     file format {form}\n\n0000000000000000 <f.part.0>:\n   0:\t{instruction}\n"
        found = [line for _, function, line in scan(listing) if line is not None and function == "f"]
        if bool(found) != touches:
            sys.exit(f"check_tls: \"{instruction}\" was{' not' if touches else ''} taken for an access")


def disassemble(objdump, path):
    done = subprocess.run([objdump, "-d", "-r", "--no-show-raw-insn", path], stdout=subprocess.PIPE, check=True, text=True)
    return list(scan(done.stdout))


def functions_of(nm, archive, member):
    """The functions that a member of the static library defines."""
    done = subprocess.run([nm, "-A", archive], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    names = set()
    for line in done.stdout.splitlines():
        found = re.match(r".*:" + re.escape(member) + r":\s*[0-9a-f]* [Tt] (\S+)$", line)
        if found:
            names.add(base(found[1]))
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--static", required=True, help="the static library; its worker_self.c.o says who may")
    parser.add_argument("--planted", action="append", default=[], metavar="FUNCTION,...=FILE")
    parser.add_argument("--also", action="append", default=[], help="functions that may, of a program's own")
    parser.add_argument("binaries", nargs="+")
    options = parser.parse_args()

    check_scan()
    allowed = functions_of(options.nm, options.static, "worker_self.c.o") | set(options.also)
    if "weft__worker_self" not in allowed:
        sys.exit(f"check_tls: {options.static} has no worker_self.c.o with weft__worker_self()")
    failed = False

    for path in options.binaries:
        seen, functions, bad = set(), set(), []
        for member, function, line in disassemble(options.objdump, path):
            functions.add((member, function))
            if line is None:
                continue
            seen.add(function)
            if function not in allowed:
                bad.append(f"{member}: {function}(): {line}")
        # Something that is not understood must not pass for something that is clean.
        if len(functions) < 100:
            bad.append(f"only {len(functions)} functions were found")
        if "weft__worker_self" not in seen:
            bad.append("the access in weft__worker_self() was not seen: it was inlined, or this check is blind")
        print(f"{'FAIL' if bad else 'pass'} {path}: {len(functions)} functions, thread-locals in {', '.join(sorted(seen))}")
        print("".join(f"    {text}\n" for text in bad), end="")
        failed |= bool(bad)

    for planted in options.planted:
        names, path = planted.split("=", 1)
        found = {function for _, function, line in disassemble(options.objdump, path) if line is not None}
        missed = set(names.split(",")) - found
        innocent = "innocent" in found
        print(f"{'FAIL' if missed or innocent else 'pass'} planted in {path}: found in {', '.join(sorted(found)) or 'none'}")
        failed |= bool(missed) or innocent
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
