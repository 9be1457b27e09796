// Accesses that may fault.
//
// Each function saves what a caller expects to find again and leaves its stack pointer in TPIDR_EL1, where
// vectors.S finds it. Whatever happens in between, the caller gets x0 = ESR, x1 = FAR of the exception, or
// x0 = 0, x1 = value if there was none: ESR is never zero, because an exception without syndrome has IL set.
// Interrupts are masked, so that a fault in an interrupt function is not taken for an answer. Code that is
// called with registers of its own has x0 to x3 taken down for the caller as they were at the end, which an
// exception is too.

    .macro begin
    stp     x29, x30, [sp, #-112]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    mrs     x9, daif
    stp     x9, xzr, [sp, #96]              // no registers to take down
    msr     daifset, #3
    mov     x9, sp
    msr     tpidr_el1, x9
    .endm

    .section .text.probe, "ax"
    .global guest_rt_probe_read
guest_rt_probe_read:
    begin
    ldr     x1, [x0]
    dsb     sy
    b       done

    .global guest_rt_probe_write
guest_rt_probe_write:
    begin
    str     x1, [x0]
    dsb     sy
    b       done

    .global guest_rt_probe_call             // x0 = code, x1 = its x0 to x3
guest_rt_probe_call:
    begin
    str     x1, [sp, #104]
    mov     x9, x0
    mov     x10, x1
    ldp     x0, x1, [x10]
    ldp     x2, x3, [x10, #16]
    blr     x9
    mrs     x9, tpidr_el1
    ldr     x10, [x9, #104]
    stp     x0, x1, [x10]
    stp     x2, x3, [x10, #16]
    dsb     sy
    isb
    b       done

    .global guest_rt_probe_execute
guest_rt_probe_execute:
    begin
    blr     x0
done:
    mov     x0, xzr
back:
    mrs     x9, tpidr_el1
    mov     sp, x9
    msr     tpidr_el1, xzr
    ldr     x9, [sp, #96]
    msr     daif, x9
    ldp     x27, x28, [sp, #80]
    ldp     x25, x26, [sp, #64]
    ldp     x23, x24, [sp, #48]
    ldp     x21, x22, [sp, #32]
    ldp     x19, x20, [sp, #16]
    ldp     x29, x30, [sp], #112
    ret

    .global guest_rt_probe_faulted
guest_rt_probe_faulted:                     // x9 = TPIDR_EL1
    ldr     x10, [x9, #104]
    cbz     x10, 1f
    stp     x0, x1, [x10]
    stp     x2, x3, [x10, #16]
1:  mrs     x0, esr_el1
    mrs     x1, far_el1
    mov     x9, {SPSR_EL1H}
    msr     spsr_el1, x9
    adr     x9, back
    msr     elr_el1, x9
    eret
