# SPDX-License-Identifier: MIT
"""Builds weft-bench, the floor and the peers; whatever cannot be built is passed over with a reason."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PEER_SOURCES = ROOT / "bench" / "peers"
PEER_BUILD = ROOT / "build" / "peers"


class Failed(Exception):
    """A program did not build, or did not run as it should."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def build_step(*argv, cwd=ROOT):
    done = subprocess.run([str(a) for a in argv], cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE)]
        raise Failed(f"the build failed: {(errors or lines or ['no output'])[0]}")


def need(tool, hint):
    if shutil.which(tool) is None:
        raise Failed(f"{tool} is not installed ({hint})")


def build_c(target, args):
    directory = (ROOT / args.build).resolve()
    program = directory / "bench" / {"weft-floor": "floor", "weft-load": "load"}.get(target, target)
    if not args.no_build:
        need("cmake", "apt-get install cmake ninja-build")
        if not (directory / "CMakeCache.txt").exists():
            build_step("cmake", "--preset", directory.name)
        build_step("cmake", "--build", directory, "--target", target)
    return [program]


def build_cargo(name, args):
    if not args.no_build:
        need("cargo", "Rust 1.85 or newer")
        build_step("cargo", "build", "--release", "--manifest-path", PEER_SOURCES / name / "Cargo.toml",
                   "--target-dir", PEER_BUILD / name)
    return [PEER_BUILD / name / "release" / f"bench-{name}"]


def build_tbb(_, args):
    directory = PEER_BUILD / "tbb"
    if not args.no_build:
        need("cmake", "apt-get install cmake ninja-build")
        need("c++", "apt-get install g++")
        try:
            build_step("cmake", "-S", PEER_SOURCES / "tbb", "-B", directory, "-DCMAKE_BUILD_TYPE=Release")
        except Failed as why:
            if "find_package" in str(why):
                raise Failed("oneTBB is not installed (apt-get install libtbb-dev)") from None
            raise
        build_step("cmake", "--build", directory)
    return [directory / "bench-tbb"]


def build_go(_, args):
    program = PEER_BUILD / "go" / "bench-go"
    if not args.no_build:
        need("go", "apt-get install golang-go")
        program.parent.mkdir(parents=True, exist_ok=True)
        build_step("go", "build", "-o", program, ".", cwd=PEER_SOURCES / "go")
    return [program]


def pythons():
    """Every python3 on the PATH: uvloop may belong to one that is not the first."""
    for directory in os.get_exec_path():
        path = Path(directory) / "python3"
        if os.access(path, os.X_OK):
            yield path


def has_uvloop(python):
    done = subprocess.run([python, "-c", "import uvloop"], capture_output=True, stdin=subprocess.DEVNULL)
    return done.returncode == 0


def find_asyncio(name, _):
    script = PEER_SOURCES / "asyncio" / "bench.py"
    python = next(filter(has_uvloop, pythons()), None)
    if name == "asyncio":
        # The same interpreter for both, where there is one.
        return [python or sys.executable, script]
    if python is None:
        raise Failed("no python3 on the PATH has uvloop (apt-get install python3-uvloop)")
    return [python, script, "--uvloop"]


BUILDERS = {
    "weft": lambda _, args: build_c("weft-bench", args),
    "floor": lambda _, args: build_c("weft-floor", args),
    "load": lambda _, args: build_c("weft-load", args),
    "tokio": build_cargo,
    "rayon": build_cargo,
    "tbb": build_tbb,
    "go": build_go,
    "asyncio": find_asyncio,
    "uvloop": find_asyncio,
}


def build(names, args):
    """The command of every program that can be had, and why the others cannot."""
    programs, skipped = {}, {}
    for name in names:
        if not args.no_build:
            say(f"building {name} ...")
        try:
            argv = BUILDERS[name](name, args)
            if not Path(argv[0]).exists():
                raise Failed("it is not built")
            programs[name] = [str(a) for a in argv]
        except Failed as why:
            skipped[name] = str(why)
            say(f"skipped: {name}: {why}")
    return programs, skipped


def cases_of(argv):
    """The names of the cases that a program has."""
    return {line.split()[0] for line in output([*argv, "--list"]).splitlines() if line.strip()}


def last_line(text):
    return (text.strip().splitlines() or ["no output"])[-1]


def environment(args):
    env = dict(os.environ)
    if args.workers is not None:
        env["WEFT_WORKERS"] = str(args.workers)
    return env


def output(argv):
    """What a program prints that ends at once."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as why:
        raise Failed(f"{argv[0]}: {why}") from None
    if done.returncode != 0:
        raise Failed(f"{argv[0]}: status {done.returncode}: {last_line(done.stderr)}")
    return done.stdout
