/* SPDX-License-Identifier: MIT */
/* Accesses to thread-locals that tests/sched/check_tls.py must find, each by another way to get at the address. */
extern __thread int of_another_library;
extern __thread int of_the_program __attribute__((tls_model("initial-exec")));
static __thread int own;
int innocent_global;

int asks_for_an_address(void);
int goes_by_the_table(void);
int counts_its_own(void);
int innocent(void);

__attribute__((noinline)) int asks_for_an_address(void)
{
    return of_another_library;
}

__attribute__((noinline)) int goes_by_the_table(void)
{
    return of_the_program;
}

__attribute__((noinline)) int counts_its_own(void)
{
    return ++own;
}

__attribute__((noinline)) int innocent(void)
{
    return ++innocent_global;
}

__thread int of_another_library, of_the_program;
