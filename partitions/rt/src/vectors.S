// The vector table of a guest.
//
// A guest stays at EL1 and on SP_EL1, so two of the sixteen vectors mean something: an interrupt, and a
// synchronous exception. The latter is an answer if a probe asked for it (TPIDR_EL1 is then the stack pointer
// to go back to, see probe.S) and else the end, like everything else.

    .macro fatal kind
    .balign 128
    mov     x0, \kind
    b       report
    .endm

    .section .text.vectors, "ax"
    .balign 2048
    .global guest_rt_vectors
guest_rt_vectors:
    fatal   0                               // current EL with SP_EL0: synchronous, IRQ, FIQ, SError
    fatal   1
    fatal   2
    fatal   3
    .balign 128                             // current EL with SP_ELx
    b       synchronous
    .balign 128
    b       interrupt
    fatal   6
    fatal   7
    fatal   8                               // lower EL in AArch64
    fatal   9
    fatal   10
    fatal   11
    fatal   12                              // lower EL in AArch32
    fatal   13
    fatal   14
    fatal   15

synchronous:
    mrs     x9, tpidr_el1
    cbnz    x9, guest_rt_probe_faulted
    mov     x0, #4
report:
    mrs     x1, esr_el1
    mrs     x2, elr_el1
    mrs     x3, far_el1
    b       {unexpected}

interrupt:
    stp     x0, x1, [sp, #-192]!
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x29, [sp, #144]
    mrs     x0, elr_el1
    stp     x30, x0, [sp, #160]
    mrs     x0, spsr_el1
    str     x0, [sp, #176]
    bl      {interrupted}
    ldr     x0, [sp, #176]
    msr     spsr_el1, x0
    ldp     x30, x0, [sp, #160]
    msr     elr_el1, x0
    ldp     x18, x29, [sp, #144]
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp], #192
    eret
