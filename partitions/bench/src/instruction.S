// Where interrupts arrive, and what a CPU runs that is only switched on to be measured.
//
// Each vector hands over to the runtime's; that of interrupts first notes the count in TPIDRRO_EL0, which
// nobody else uses.

    .macro hand_over from, to
    .balign 128
    b       guest_rt_vectors + \from * 128
    .if \to > \from
    hand_over (\from + 1), \to
    .endif
    .endm

    .section .text.bench, "ax"
    .balign 2048
    .global bench_vectors
bench_vectors:
    hand_over 0, 4
    .balign 128
    msr     tpidr_el0, x0
    mrs     x0, cntvct_el0
    msr     tpidrro_el0, x0
    mrs     x0, tpidr_el0
    b       guest_rt_vectors + 5 * 128
    hand_over 6, 15

// x0: where the count goes. MMU and caches are off.
    .global bench_remote
bench_remote:
    movz    xzr, #{CPU_ON_ENDS}
    mrs     x1, cntvct_el0
    str     x1, [x0]
    dsb     sy
    movz    w0, #{CPU_OFF_LOW}
    movk    w0, #{CPU_OFF_HIGH}, lsl #16
    hvc     #0
1:  wfe
    b       1b
