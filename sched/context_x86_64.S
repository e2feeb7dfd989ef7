/* SPDX-License-Identifier: MIT */
/*
 * void weft__context_swap(void **save, void *load)
 *
 * System V ABI: rbx, rbp, r12-r15 and rsp belong to the caller; all else is the callee's to lose. It ends in `ret`: most
 * switches go from a task to another that was suspended at the same place, so the processor's return stack, which knows of
 * one stack only, guesses right here and in the callers. A pop and a jump leave it out of step by one: 46 ns a yield
 * instead of 21. Neither form suits shadow stacks (CET), so the object is not marked for them.
 */
        .text
        .globl  weft__context_swap
        .hidden weft__context_swap
        .type   weft__context_swap, @function
        .p2align 4
weft__context_swap:
        .cfi_startproc
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        ret
        .cfi_endproc
        .size   weft__context_swap, .-weft__context_swap

/* Where a new context begins: rbx holds the entry function. No frame lies above, so unwinding ends here. */
        .globl  weft__context_start
        .hidden weft__context_start
        .type   weft__context_start, @function
        .p2align 4
weft__context_start:
        .cfi_startproc
        .cfi_undefined %rip
        callq   *%rbx
        ud2
        .cfi_endproc
        .size   weft__context_start, .-weft__context_start

        .section .note.GNU-stack,"",@progbits
