/* SPDX-License-Identifier: MIT */
/* floor CASE N [M]: the floor of a case, with the command line and the output of weft-bench. */
#include <stdio.h>
#include <string.h>

#include "../common/meter.h"
#include "floor.h"

#define LOOPS_MAX 1024
#define KIB 1024

static int usage(FILE *out, int status)
{
    fputs("http PORT [LOOPS]      the fixed answer to whatever is read, by bare epoll; preset 1 loop\n"
          "echo PORT [LOOPS]      what is read is written back, by bare epoll; preset 1 loop\n"
          "sleepers [N] [KIB]     guard and first touch of N stacks on two threads, KIB of address space each;\n"
          "                       preset 100000 and 128\n",
          out);
    return status;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        return usage(stdout, 0);
    if (argc < 2 || argc > 4)
        return usage(stderr, 2);

    bool echo = strcmp(argv[1], "echo") == 0;
    if ((echo || strcmp(argv[1], "http") == 0) && argc >= 3) {
        uint64_t port = bench_number("PORT", argv[2], 0, 65535);
        uint64_t loops = argc == 4 ? bench_number("LOOPS", argv[3], 1, LOOPS_MAX) : 1;
        floor_serve((uint16_t)port, (unsigned)loops, echo);
        return 0;
    }
    if (strcmp(argv[1], "sleepers") == 0) {
        uint64_t count = argc >= 3 ? bench_number("N", argv[2], 2, 10000000) : 100000;
        uint64_t spacing = argc == 4 ? bench_number("KIB", argv[3], 32, 65536) : 128;
        if ((spacing & (spacing - 1)) != 0)
            bench_die("KIB", "must be a power of two");
        floor_sleepers(count, spacing * KIB);
        return 0;
    }
    return usage(stderr, 2);
}
