// SPDX-License-Identifier: MIT

// The cases of weft-bench on goroutines: `bench-go CASE [N]` prints `name value`.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
)

type benchCase struct {
	name   string
	number string // what N means
	preset int    // -1: N has to be given
	run    func(n int)
}

var cases = []benchCase{
	{"spawn", "[TASKS]", 1000, spawn},
	{"spawn1", "", 0, spawn1},
	{"yield", "[TASKS]", 100, yield},
	{"pingpong", "", 0, pingpong},
	{"mpmc", "", 0, mpmc},
	{"mutex", "", 0, mutex},
	{"lock", "", 0, lockOnce},
	{"semaphore", "", 0, semaphore},
	{"semaphores", "", 0, semaphores},
	{"wakeall", "[TASKS]", 10000, wakeall},
	{"select", "", 0, selectCase},
	{"broadcast", "[RECEIVERS]", 1000, broadcast},
	{"fib", "[K]", 27, fibCase},
	{"skynet", "[LEAVES]", 1000000, skynetCase},
	{"sleepers", "[TASKS]", 100000, sleepers},
	{"http", "PORT", -1, http},
	{"echo", "PORT", -1, echo},
}

func die(what string, why any) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", what, why)
	os.Exit(1)
}

func list(out *os.File) {
	for _, c := range cases {
		fmt.Fprintln(out, c.name, c.number)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: bench-go CASE [N] | --list")
	list(os.Stderr)
	os.Exit(2)
}

func main() {
	if len(os.Args) < 2 || len(os.Args) > 3 {
		usage()
	}
	if os.Args[1] == "--list" {
		list(os.Stdout)
		return
	}
	// Zero workers means every CPU, which is Go's own preset.
	if workers, err := strconv.Atoi(os.Getenv("WEFT_WORKERS")); err == nil && workers > 0 {
		runtime.GOMAXPROCS(workers)
	}
	for _, c := range cases {
		if c.name != os.Args[1] {
			continue
		}
		n := c.preset
		if len(os.Args) == 3 {
			given, err := strconv.Atoi(os.Args[2])
			if err != nil || given < 0 {
				usage()
			}
			n = given
		}
		if n < 0 {
			usage()
		}
		c.run(n)
		return
	}
	usage()
}
