#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds tests/sched/migrate_user.c with -O3 -flto by each compiler that is there, against the shared and the static library, runs
it, and has check_tls.py look at the programs that the static library has become a part of: with link-time optimisation
a compiler sees both sides of every call there."""

import argparse
import os
import shutil
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True, help="the top folder")
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--shared", required=True)
    parser.add_argument("--static", required=True)
    parser.add_argument("--libs", required=True, help="what the static library needs, as one word")
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("--nm", default="nm")
    options = parser.parse_args()

    os.makedirs(options.scratch, exist_ok=True)
    here = os.path.dirname(os.path.abspath(__file__))
    failed = built = 0
    for compiler in ("gcc", "clang"):
        if shutil.which(compiler) is None:
            print(f"left out: {compiler} is missing")
            continue
        for kind, library in (("shared", options.shared), ("static", options.static)):
            name = f"migrate_user_{compiler}_{kind}"
            program = os.path.join(options.scratch, name)
            command = [compiler, "-std=gnu11", "-O3", "-flto", "-g", "-I", os.path.join(options.source, "include"),
                       os.path.join(here, "migrate_user.c"), os.path.join(here, "migrate_tls.c"), "-o", program, library,
                       f"-Wl,-rpath,{os.path.dirname(library)}", "-pthread"]
            if kind == "static":
                command += options.libs.split()
            if compiler == "clang" and shutil.which("ld.lld"):
                command.append("-fuse-ld=lld")
            made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if made.returncode != 0:
                print(f"FAIL {name} cannot be built: {' '.join(command)}\n{made.stdout}")
                failed += 1
                continue
            built += 1
            ran = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
            print(f"{'FAIL' if ran.returncode else 'pass'} {name}: {ran.stdout.strip()}")
            failed += ran.returncode != 0
            if kind == "static":
                own = ["tls_count", "tls_thread"]
                failed += subprocess.run([sys.executable, os.path.join(here, "check_tls.py"), "--objdump", options.objdump,
                                          "--nm", options.nm, "--static", options.static]
                                         + [word for function in own for word in ("--also", function)]
                                         + [program]).returncode != 0
    if built == 0:
        print("skipped: no compiler was found")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
