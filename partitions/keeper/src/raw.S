// What only assembly can do: an instruction with every register known, before it and after it.
//
// A CPU comes to the instruction by ERET and leaves it by an exception, so no register has to be spared for that:
// what is needed meanwhile is in TPIDR_EL0 and TPIDRRO_EL0.

    .arch_extension fp
    .arch_extension simd

// x0: the state. All but x0 and x1.
    .macro each_register operation
    .irp    n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    \operation x\n, [x0, #({X} + 8 * \n)]
    .endr
    .endm

// x0: the state.
    .macro each_vector_register operation
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    \operation q\n, [x0, #({V} + 16 * \n)]
    .endr
    .endm

    .section .text.keeper, "ax"

// x0: the state to go on in. Comes back with the one in which an exception was taken.
    .global keeper_run
keeper_run:
    stp     x29, x30, [sp, #-112]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    mrs     x1, daif
    mrs     x2, vbar_el1
    stp     x1, x2, [sp, #96]
    msr     daifset, #0xf
    adr     x1, keeper_vectors
    msr     vbar_el1, x1
    msr     tpidrro_el0, x0
    mov     x1, sp
    str     x1, [x0, #{STACK}]
    ldp     x1, x2, [x0, #{PC}]
    msr     elr_el1, x1
    msr     spsr_el1, x2
    ldp     x1, x2, [x0, #{SP}]
    mov     sp, x1
    msr     sp_el0, x2
    each_vector_register ldr
    each_register ldr
    ldp     x0, x1, [x0, #{X}]
    eret
    dsb     nsh
    isb

// x0: the state, with x0 and x1 in it already. x1: the number of the vector.
keeper_exception:
    str     x1, [x0, #{VECTOR}]
    each_register str
    each_vector_register str
    mrs     x1, elr_el1
    mrs     x2, spsr_el1
    stp     x1, x2, [x0, #{PC}]
    mov     x1, sp
    mrs     x2, sp_el0
    stp     x1, x2, [x0, #{SP}]
    mrs     x1, esr_el1
    str     x1, [x0, #{SYNDROME}]
    ldr     x1, [x0, #{STACK}]
    mov     sp, x1
    ldp     x1, x2, [sp, #96]
    msr     vbar_el1, x2
    isb
    msr     daif, x1
    ldp     x27, x28, [sp, #80]
    ldp     x25, x26, [sp, #64]
    ldp     x23, x24, [sp, #48]
    ldp     x21, x22, [sp, #32]
    ldp     x19, x20, [sp, #16]
    ldp     x29, x30, [sp], #112
    ret

    .balign 2048
keeper_vectors:
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    .balign 128
    msr     tpidr_el0, x0
    mrs     x0, tpidrro_el0
    str     x1, [x0, #({X} + 8)]
    mrs     x1, tpidr_el0
    str     x1, [x0, #{X}]
    mov     x1, #\n
    b       keeper_exception
    .endr

    .arch_extension nosimd
    .arch_extension nofp

// An instruction, and where it leads.
    .macro slot instruction:vararg
    \instruction
    brk     #0
    .endm

// An instruction that names no register, as often as there are registers.
    .macro plain instruction:vararg
    .rept   {TURNS}
    slot    \instruction
    .endr
    .endm

    .macro reads register
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,zr
    slot    mrs x\n, \register
    .endr
    .endm

    .macro writes register
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,zr
    slot    msr \register, x\n
    .endr
    .endm

// A load or store, of x or w registers, at the address in x{BASE}; that of x{BASE} itself at the one in x{OTHER_BASE}.
    .macro moves operation, width
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,zr
    .ifc    \n, {BASE}
    slot    \operation \width\n, [x{OTHER_BASE}]
    .else
    slot    \operation \width\n, [x{BASE}]
    .endif
    .endr
    .endm
