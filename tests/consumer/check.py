#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Installs weft into a folder of its own and builds programs against that, as users do: through find_package and
through pkg-config with a bare compiler, with the shared and with the static library, in C and in C++; and runs them.
Also compiles every public header by itself."""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys

passed = 0
failed = 0


def step(name, command, want=None, **options):
    """Runs a command, counts how it ended, and returns what it printed, or None where it failed."""
    global passed, failed
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=300, errors="replace", **options)
    if done.returncode == 0 and (want is None or re.search(want, done.stdout)):
        passed += 1
        print(f"pass {name}")
        return done.stdout
    failed += 1
    print(f"FAIL {name}: exit status {done.returncode}" + (f", nothing like {want!r}" if want else ""))
    print(f"    $ {' '.join(str(word) for word in command)}")
    print("".join(f"    | {line}\n" for line in done.stdout.splitlines()), end="")
    return None


def check(name, good, why=""):
    global passed, failed
    if good:
        passed += 1
        print(f"pass {name}")
    else:
        failed += 1
        print(f"FAIL {name}: {why}")


def main():
    parser = argparse.ArgumentParser()
    for name in "cmake", "build", "scratch", "cc", "cxx", "flags", "launcher", "build-type":
        parser.add_argument(f"--{name}", default="")
    args = parser.parse_args()

    source = pathlib.Path(__file__).resolve().parent
    scratch = pathlib.Path(args.scratch)
    shutil.rmtree(scratch, ignore_errors=True)
    prefix = scratch / "prefix"
    flags = [word for word in args.flags.split(";") if word]
    launcher = [word for word in args.launcher.split(";") if word]
    answer = r"weft [0-9.]+: 30"

    if step("install", [args.cmake, "--install", args.build, "--prefix", prefix]) is None:
        return 1
    # A tree that has been moved must serve as well; so what follows proves it for each way of use.
    moved = scratch / "moved"
    prefix.rename(moved)
    prefix = moved
    libdir = next(prefix.glob("**/pkgconfig")).parent
    pc = libdir / "pkgconfig" / "weft.pc"
    pc.write_text(re.sub(r"^prefix=.*$", f"prefix={prefix}", pc.read_text(), flags=re.M))

    # By CMake.
    build = scratch / "cmake"
    configured = step("find_package: configure", [
        args.cmake, "-G", "Ninja", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCMAKE_C_COMPILER={args.cc}", f"-DCMAKE_CXX_COMPILER={args.cxx}", f"-DCMAKE_BUILD_TYPE={args.build_type}",
        f"-DCMAKE_C_FLAGS={' '.join(flags)}", f"-DCMAKE_CXX_FLAGS={' '.join(flags)}"])
    if configured is not None and step("find_package: build", [args.cmake, "--build", build]) is not None:
        for program in "c_shared", "c_static", "cpp_shared", "cpp_static":
            step(f"find_package: run {program}", launcher + [build / program], answer)
        for program in "cpp_shared", "cpp_static":
            step(f"exception that leaves a task ends {program}", launcher + [build / program, "throw"], r"^terminated\n$")

    # By pkg-config. What links with --static is what a user has who installs no shared library.
    static = scratch / "static"
    shutil.copytree(prefix, static, symlinks=True)
    for library in static.glob("**/libweft.so*"):
        library.unlink()

    def pkg_config(root, *options):
        path = root / pc.parent.relative_to(prefix)
        text = pc.read_text().replace(str(prefix), str(root))
        (path / "weft.pc").write_text(text)
        earlier = os.environ.get("PKG_CONFIG_PATH")
        paths = str(path) + (os.pathsep + earlier if earlier else "")
        out = step(f"pkg-config {' '.join(options)}", ["pkg-config", *options, "weft"],
                   env={**os.environ, "PKG_CONFIG_PATH": paths})
        return (out or "").split()

    strict = ["-Wall", "-Wextra", "-Werror"]
    for compiler, file, standard in (args.cc, "main.c", "-std=c99"), (args.cxx, "main.cpp", "-std=c++11"):
        language = file.rpartition(".")[2]
        shared_flags = pkg_config(prefix, "--cflags", "--libs")
        program = scratch / f"pkg_{language}_shared"
        if step(f"pkg-config: build {program.name}", [compiler, standard, *strict, *flags, source / file, "-o", program,
                                                      *shared_flags, f"-Wl,-rpath,{libdir}"]) is not None:
            step(f"pkg-config: run {program.name}", launcher + [program], answer)
        static_flags = pkg_config(static, "--static", "--cflags", "--libs")
        program = scratch / f"pkg_{language}_static"
        if step(f"pkg-config: build {program.name}", [compiler, standard, *strict, *flags, source / file, "-o", program,
                                                      *static_flags]) is not None:
            step(f"pkg-config: run {program.name}", launcher + [program], answer)

    # Each header by itself, in the oldest languages that they promise to suit; and main.cpp has them all together.
    included = (source / "main.cpp").read_text()
    for header in sorted(prefix.glob("include/**/*.h")):
        name = header.relative_to(prefix / "include")
        check(f"main.cpp: {name}", f"#include <{name}>" in included, "it is not included there")
        for compiler, language, standard in (args.cc, "c", "-std=c99"), (args.cxx, "c++", "-std=c++11"):
            step(f"{language}: {name}", [compiler, "-x", language, standard, *strict, "-Wpedantic", "-fsyntax-only",
                                         f"-I{prefix / 'include'}", "-"], input=f"#include <{name}>\nint unit;\n")

    # Nothing may leak out of the libraries but what begins with weft_. Sanitizers and coverage add names of their own.
    shared = libdir / "libweft.so"
    libraries = ((shared, ["-D"]), (libdir / "libweft.a", [])) if not flags else ()
    for library, options in libraries:
        out = step(f"nm {library.name}", ["nm", *options, "--defined-only", "--extern-only", "--format=posix", library])
        # Besides names it says which members have none.
        lines = [line.split() for line in (out or "").splitlines() if not line.startswith("nm:")]
        names = {line[0] for line in lines if len(line) > 1}
        ours = r"weft_[a-z0-9]" if library is shared else r"weft_"
        foreign = sorted(n for n in names if not re.match(ours, n) and n not in ("_init", "_fini"))
        check(f"names of {library.name}", names and not foreign, f"also exports {', '.join(foreign)}")

    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
