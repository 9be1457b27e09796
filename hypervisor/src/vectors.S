// The vectors of EL2, and the way down to a guest.
//
// `enter_guest(cpu)` looks like a function that returns: it goes down by ERET and comes back by way of a
// vector, with the number of the vector's kind. TPIDR_EL2 holds the CPU while the guest runs, which begins
// with its frame; offsets come from Rust. EL2 never touches FP or SIMD registers, so they are not saved.
//
// Synchronous exceptions of a 64-bit guest are first offered to the quick path (`quick.rs`). An `HVC` gets there
// with only those registers saved that Rust may change, and so does a load or store of one of these. A write of ICC_PMR_EL1 does not even get there: some
// guests mask interrupts by it, and do so all the time.

.macro from_guest kind
    .balign 0x80
    stp     x0, x1, [sp, #-32]!
    mov     x1, #\kind
    b       leave_guest
.endm

// The guest's x0 to x3 get a place on the stack.
.macro from_guest_synchronous
    .balign 0x80
    stp     x0, x1, [sp, #-32]!
    mrs     x1, esr_el2
    ubfx    x0, x1, #26, #6
    cmp     x0, #0x16                       // HVC
    b.eq    quick_call
    cmp     x0, #0x18                       // a trapped register
    b.ne    quick_access
    ubfx    x0, x1, #10, #15                // which, but for CRm
    cmp     x0, #{PMR}
    b.ne    quick_system
    and     x0, x1, #0x1f                   // CRm, and the direction
    cmp     x0, #{PMR_WRITE}
    b.ne    quick_system
    // ICC_PMR_EL1 is written as the guest would: it is its CPU's own, and self-synchronizing (GICv3 12.2).
    stp     x2, x3, [sp, #16]
    ubfx    x0, x1, #5, #5
    adr     x2, mask_priorities
    add     x2, x2, x0, lsl #3
    br      x2
.endm

.macro from_el2 kind
    .balign 0x80
    mov     x0, #\kind
    b       in_el2
.endm

.section .text.vectors, "ax"
.balign 0x800
.global vectors
vectors:
    from_el2 0
    from_el2 1
    from_el2 2
    from_el2 3
    from_el2 4
    from_el2 5
    from_el2 6
    from_el2 7
    from_guest_synchronous
    from_guest {IRQ}
    from_guest {FIQ}
    from_guest {SERROR}
    from_guest {SYNCHRONOUS}
    from_guest {IRQ}
    from_guest {FIQ}
    from_guest {SERROR}

// EL2 has failed: once, on a stack that nothing else uses. Whoever fails later sleeps.
in_el2:
    adrp    x1, {IS_DYING}
    add     x1, x1, :lo12:{IS_DYING}
    mov     w2, #1
1:  ldaxr   w3, [x1]
    stxr    w4, w2, [x1]
    cbnz    w4, 1b
    cbz     w3, 3f
2:  wfe
    b       2b
3:  adrp    x1, {LAST_STACK}
    add     x1, x1, :lo12:{LAST_STACK}
    add     sp, x1, #{LAST_STACK_SIZE}
    mrs     x1, esr_el2
    mrs     x2, elr_el2
    mrs     x3, far_el2
    bl      {exception_in_el2}
    b       .

// x0: the CPU. Saves what a function may change, but x0 and x1.
.macro save_scratch
    stp     x2, x3, [x0, #({X} + 16)]
    stp     x4, x5, [x0, #({X} + 32)]
    stp     x6, x7, [x0, #({X} + 48)]
    stp     x8, x9, [x0, #({X} + 64)]
    stp     x10, x11, [x0, #({X} + 80)]
    stp     x12, x13, [x0, #({X} + 96)]
    stp     x14, x15, [x0, #({X} + 112)]
    stp     x16, x17, [x0, #({X} + 128)]
    stp     x18, x19, [x0, #({X} + 144)]
    str     x30, [x0, #({X} + 240)]
.endm

// x0: the CPU. Saves the others.
.macro save_rest
    stp     x20, x21, [x0, #({X} + 160)]
    stp     x22, x23, [x0, #({X} + 176)]
    stp     x24, x25, [x0, #({X} + 192)]
    stp     x26, x27, [x0, #({X} + 208)]
    stp     x28, x29, [x0, #({X} + 224)]
.endm

// x0: the CPU. Back to the guest, whose other registers are there.
.macro load_scratch_and_return
    ldp     x2, x3, [x0, #({X} + 16)]
    ldp     x4, x5, [x0, #({X} + 32)]
    ldp     x6, x7, [x0, #({X} + 48)]
    ldp     x8, x9, [x0, #({X} + 64)]
    ldp     x10, x11, [x0, #({X} + 80)]
    ldp     x12, x13, [x0, #({X} + 96)]
    ldp     x14, x15, [x0, #({X} + 112)]
    ldp     x16, x17, [x0, #({X} + 128)]
    ldp     x18, x19, [x0, #({X} + 144)]
    ldr     x30, [x0, #({X} + 240)]
    ldp     x0, x1, [x0, #{X}]
    eret
    dsb     nsh                             // no speculation beyond ERET
    isb
.endm

// x0: the CPU.
.macro load_rest
    ldp     x20, x21, [x0, #({X} + 160)]
    ldp     x22, x23, [x0, #({X} + 176)]
    ldp     x24, x25, [x0, #({X} + 192)]
    ldp     x26, x27, [x0, #({X} + 208)]
    ldp     x28, x29, [x0, #({X} + 224)]
.endm

// x0: the CPU. Returns the kind of the vector by which the guest was left.
.global enter_guest
enter_guest:
    stp     x19, x20, [sp, #-96]!
    stp     x21, x22, [sp, #16]
    stp     x23, x24, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x27, x28, [sp, #64]
    stp     x29, x30, [sp, #80]
    msr     tpidr_el2, x0
    ldp     x1, x2, [x0, #{PC}]
    msr     elr_el2, x1
    msr     spsr_el2, x2
    load_rest
    load_scratch_and_return

// Keeps an exit: x0 is the CPU, x1 ESR_EL2. Leaves ELR_EL2 in x2; changes x3, and `at`, which may be x0.
.macro keep_exit at
    mrs     x2, elr_el2
    ldr     x3, [x0, #{ENTRIES}]
    add     x3, x3, #1
    str     x3, [x0, #{ENTRIES}]
    and     x3, x3, #({KEPT} - 1)
    add     \at, x0, x3, lsl #4             // a kept exit has 16 bytes
    stp     x1, x2, [\at, #{HISTORY}]
.endm

// Two instructions for each general-purpose register; x0 to x2 are on the stack.
mask_priorities:
    .irp    n, 0,1,2
    ldr     x0, [sp, #(8 * \n)]
    b       1f
    .endr
    .irp    n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    msr     s3_0_c4_c6_0, x\n
    b       2f
    .endr
    mov     x0, xzr
1:  msr     s3_0_c4_c6_0, x0
2:  mrs     x0, tpidr_el2
    ldr     x3, [x0, #{INTERFACE}]
    add     x3, x3, #1
    str     x3, [x0, #{INTERFACE}]
    keep_exit x0
    add     x2, x2, #4
    msr     elr_el2, x2
    mrs     x2, spsr_el2
    and     x2, x2, #~{SS}
    and     x2, x2, #~{BTYPE}
    msr     spsr_el2, x2
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp], #32
    eret
    dsb     nsh                             // no speculation beyond ERET
    isb

// x1: ESR_EL2; x0 and x1 are on the stack. Saves them, and keeps the exit.
.macro save_first
    ldp     x2, x3, [sp], #32
    stp     x2, x3, [x0, #{X}]
    keep_exit x4
.endm

// `quick_call(cpu)` returns the CPU if it has answered; x20 to x29 it has not changed.
quick_call:
    mrs     x0, tpidr_el2
    save_scratch
    save_first
    bl      {quick_call}
    cbz     x0, 1f
    load_scratch_and_return
1:  mrs     x0, tpidr_el2
    save_rest
    b       long_way

// `function(cpu, esr)` returns the CPU if it has answered.
quick_system:
    mrs     x0, tpidr_el2
    save_scratch
    save_rest
    save_first
    bl      {quick_system}
    cbz     x0, not_answered
    load_rest
    load_scratch_and_return

// The same of a data abort, whose ISS has the number of the general-purpose register from bit 16 on. Only if it is
// one that Rust leaves alone are those in the frame.
quick_access:
    cmp     x0, #0x24
    b.ne    3f
    mrs     x0, tpidr_el2
    save_scratch
    save_first
    ubfx    x2, x1, #16, #5
    cmp     x2, #20
    b.hs    1f
    bl      {quick_access}
    cbz     x0, not_answered
    load_scratch_and_return
1:  save_rest
    tbz     x1, #6, 2f                      // of a store it is only read
    bl      {quick_access}
    cbz     x0, not_answered
    load_scratch_and_return
2:  bl      {quick_access}
    cbz     x0, not_answered
    load_rest
    load_scratch_and_return
3:  mov     x1, #{SYNCHRONOUS}
    b       leave_guest

not_answered:
    mrs     x0, tpidr_el2
    save_rest

// x0: the CPU.
long_way:
    mov     x6, #{SYNCHRONOUS}

// x0: the CPU, x6: the kind. Back to who has called `enter_guest`.
to_rust:
    mrs     x2, elr_el2
    mrs     x3, spsr_el2
    stp     x2, x3, [x0, #{PC}]
    mrs     x3, esr_el2
    mrs     x4, far_el2
    mrs     x5, hpfar_el2
    stp     x3, x4, [x0, #{SYNDROME}]
    str     x5, [x0, #({SYNDROME} + 16)]
    mov     x0, x6
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    ldp     x19, x20, [sp], #96
    ret

// x1: the kind; the guest's x0 and x1 are on the stack.
leave_guest:
    mrs     x0, tpidr_el2
    save_scratch
    save_rest
    mov     x6, x1
    mrs     x1, esr_el2
    save_first
    b       to_rust
