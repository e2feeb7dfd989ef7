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

/*
 * int weft__context_leave(void **save, void *load, int (*land)(void))
 *
 * Saves a context that will first call land(), on its own stack, and then return what that returned, straight to whoever called
 * this: where C code gets here by tail calls only, to the caller of all of them. Both kinds of context go on from here as from
 * weft__context_swap(). Saved is, from the stack pointer up:
 *
 *      r15 r14 r13 r12 rbx rbp     .Lland      land        the return address
 *
 * Two tasks that leave for each other in turn mostly do so from different places. A `ret` from one of these to the other is
 * predicted wrong each time, and so is what follows: 12 ns. A jump is predicted by what led to it. Where both are the same, `ret` is right,
 * and keeps the processor's return stack in step.
 */
        .globl  weft__context_leave
        .hidden weft__context_leave
        .type   weft__context_leave, @function
        .p2align 4
weft__context_leave:
        .cfi_startproc
        movq    (%rsp), %r8             /* where this one goes on */
        leaq    .Lland(%rip), %rax
        pushq   %rdx
        .cfi_adjust_cfa_offset 8
        pushq   %rax
        .cfi_adjust_cfa_offset 8
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
        .cfi_def_cfa_offset 56          /* either kind: what follows the registers is where it goes on */
        .cfi_rel_offset %rbp, 40
        .cfi_rel_offset %rbx, 32
        .cfi_rel_offset %r12, 24
        .cfi_rel_offset %r13, 16
        .cfi_rel_offset %r14, 8
        .cfi_rel_offset %r15, 0
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
        cmpq    %rax, (%rsp)
        jne     .Lswapped
        addq    $8, %rsp
        .cfi_def_cfa_offset 16
.Llanding:
        popq    %rax
        .cfi_adjust_cfa_offset -8
        pushq   %r8
        .cfi_adjust_cfa_offset 8
        callq   *%rax
        popq    %r8
        .cfi_adjust_cfa_offset -8
        cmpq    %r8, (%rsp)
        jne     .Ljump
        ret
.Ljump:
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rcx
        jmp     *%rcx
        .cfi_endproc

        /* What weft__context_swap() goes on with, which knows no places. */
        .cfi_startproc
        .cfi_def_cfa_offset 16
        nop                             /* unwinders look at the instruction before the one that they return to */
.Lland:
        xorl    %r8d, %r8d
        jmp     .Llanding
        .cfi_endproc

        /* Left by weft__context_swap(). */
        .cfi_startproc
.Lswapped:
        ret
        .cfi_endproc
        .size   weft__context_leave, .-weft__context_leave

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
