// Accesses that may fault.
//
// Each function saves what a caller expects to find again and leaves its stack pointer in TPIDR_EL1, where
// vectors.S finds it. Whatever happens in between, the caller gets x0 = ESR, x1 = FAR of the exception, or
// x0 = 0, x1 = value if there was none: ESR is never zero, because an exception without syndrome has IL set.
// Interrupts are masked, so that a fault in an interrupt function is not taken for an answer.

    .macro begin
    stp     x29, x30, [sp, #-112]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    mrs     x9, daif
    str     x9, [sp, #96]
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
guest_rt_probe_faulted:
    mrs     x0, esr_el1
    mrs     x1, far_el1
    mov     x9, {SPSR_EL1H}
    msr     spsr_el1, x9
    adr     x9, back
    msr     elr_el1, x9
    eret
