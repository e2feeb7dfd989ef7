/* SPDX-License-Identifier: MIT */
/*
 * void weft__context_swap(void **save, void *load)
 *
 * AAPCS64: x19-x28, x29 (the frame pointer), the low halves of v8-v15, and sp belong to the caller, and x30 says where to go
 * on; all else is the callee's to lose, but for x18, which is the platform's and never touched. A saved context is
 *
 *      sp ->  0  x29, x30     16  x19 ... x28     96  d8 ... d15     160  what the context had on its stack
 *
 * Both contexts have this frame where they are switched, so one description of it (CFI) is right before and after. It ends
 * in `ret`, for the processor's return stack (see context_x86_64.S).
 *
 * The hints are no-operations on processors that do not know them. `bti c` is where code that is guarded against stray
 * jumps (BTI) may be called through a pointer, as a linker's veneer does; `ret` needs no such place. Signed return
 * addresses (PAC) need nothing: those of a stack's frames hang on its addresses and on the process's keys, and a task
 * keeps both wherever it goes on. Shadow stacks (GCS) do not suit, so the object is marked for BTI alone.
 */
        .text
        .globl  weft__context_swap
        .hidden weft__context_swap
        .type   weft__context_swap, %function
        .p2align 4
weft__context_swap:
        .cfi_startproc
        hint    #34                     /* bti c */
        stp     x29, x30, [sp, #-160]!
        .cfi_def_cfa_offset 160
        .cfi_offset x29, -160
        .cfi_offset x30, -152
        stp     x19, x20, [sp, #16]
        .cfi_offset x19, -144
        .cfi_offset x20, -136
        stp     x21, x22, [sp, #32]
        .cfi_offset x21, -128
        .cfi_offset x22, -120
        stp     x23, x24, [sp, #48]
        .cfi_offset x23, -112
        .cfi_offset x24, -104
        stp     x25, x26, [sp, #64]
        .cfi_offset x25, -96
        .cfi_offset x26, -88
        stp     x27, x28, [sp, #80]
        .cfi_offset x27, -80
        .cfi_offset x28, -72
        stp     d8, d9, [sp, #96]
        .cfi_offset d8, -64
        .cfi_offset d9, -56
        stp     d10, d11, [sp, #112]
        .cfi_offset d10, -48
        .cfi_offset d11, -40
        stp     d12, d13, [sp, #128]
        .cfi_offset d12, -32
        .cfi_offset d13, -24
        stp     d14, d15, [sp, #144]
        .cfi_offset d14, -16
        .cfi_offset d15, -8
        mov     x9, sp
        str     x9, [x0]
        mov     sp, x1
        ldp     x19, x20, [sp, #16]
        .cfi_restore x19
        .cfi_restore x20
        ldp     x21, x22, [sp, #32]
        .cfi_restore x21
        .cfi_restore x22
        ldp     x23, x24, [sp, #48]
        .cfi_restore x23
        .cfi_restore x24
        ldp     x25, x26, [sp, #64]
        .cfi_restore x25
        .cfi_restore x26
        ldp     x27, x28, [sp, #80]
        .cfi_restore x27
        .cfi_restore x28
        ldp     d8, d9, [sp, #96]
        .cfi_restore d8
        .cfi_restore d9
        ldp     d10, d11, [sp, #112]
        .cfi_restore d10
        .cfi_restore d11
        ldp     d12, d13, [sp, #128]
        .cfi_restore d12
        .cfi_restore d13
        ldp     d14, d15, [sp, #144]
        .cfi_restore d14
        .cfi_restore d15
        ldp     x29, x30, [sp], #160
        .cfi_def_cfa_offset 0
        .cfi_restore x29
        .cfi_restore x30
        ret
        .cfi_endproc
        .size   weft__context_swap, .-weft__context_swap

/* Where a new context begins: x19 holds the entry function. No frame lies above, so unwinding ends here. */
        .globl  weft__context_start
        .hidden weft__context_start
        .type   weft__context_start, %function
        .p2align 4
weft__context_start:
        .cfi_startproc
        .cfi_undefined x30
        blr     x19
        brk     #1
        .cfi_endproc
        .size   weft__context_start, .-weft__context_start

/* A linker marks a library for BTI only where each of its objects is marked: GNU_PROPERTY_AARCH64_FEATURE_1_AND, bit 0. */
        .section .note.gnu.property,"a",%note
        .p2align 3
        .word   4, 16, 5        /* sizes of name and contents, NT_GNU_PROPERTY_TYPE_0 */
        .asciz  "GNU"
        .word   0xc0000000, 4, 1, 0

        .section .note.GNU-stack,"",%progbits
