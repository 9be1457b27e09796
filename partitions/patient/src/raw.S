// What only assembly can do: see a CPU as it began, look at the vectors, fall.
//
// A CPU begins with its MMU off and goes past the caches, so what it leaves here is dropped from them.

    .section .text.arrival, "ax"

// Called by the runtime, which knows it as weak, before anything of this CPU is changed; x0 may be.
    .weak   guest_rt_arrival
guest_rt_arrival:
    mov     sp, x1                          // not in use yet
    adrp    x1, patient_arrivals
    add     x1, x1, :lo12:patient_arrivals
    mrs     x0, mpidr_el1
    and     x0, x0, #({CPUS} - 1)
    add     x1, x1, x0, lsl #{ARRIVAL_SHIFT}
    mov     x0, sp
    stp     xzr, x0, [x1]
    stp     x2, x3, [x1, #16]
    stp     x4, x5, [x1, #32]
    stp     x6, x7, [x1, #48]
    stp     x8, x9, [x1, #64]
    stp     x10, x11, [x1, #80]
    stp     x12, x13, [x1, #96]
    stp     x14, x15, [x1, #112]
    stp     x16, x17, [x1, #128]
    stp     x18, xzr, [x1, #144]            // x19 has been x0
    stp     x20, x21, [x1, #160]
    stp     x22, x23, [x1, #176]
    stp     x24, x25, [x1, #192]
    stp     x26, x27, [x1, #208]
    stp     x28, x29, [x1, #224]
    mrs     x2, sctlr_el1
    mrs     x3, tcr_el1
    stp     x2, x3, [x1, #240]
    mrs     x2, ttbr0_el1
    mrs     x3, mair_el1
    stp     x2, x3, [x1, #256]
    mrs     x2, vbar_el1
    mrs     x3, tpidr_el1
    stp     x2, x3, [x1, #272]
    dsb     sy
    add     x2, x1, #(1 << {ARRIVAL_SHIFT})
1:  dc      ivac, x1
    add     x1, x1, #16                     // no cache has shorter lines
    cmp     x1, x2
    b.lo    1b
    dsb     sy
    ret

// Not in .bss, which the runtime clears afterwards.
    .section .data.arrivals, "aw"
    .balign 1 << {ARRIVAL_SHIFT}
    .global patient_arrivals
patient_arrivals:
    .space  {CPUS} << {ARRIVAL_SHIFT}

    .section .text.vector_registers, "ax"
    .arch_extension fp
    .arch_extension simd

// Gives all bits that are set in any vector register.
    .global patient_vector_bits
patient_vector_bits:
    .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    orr     v0.16b, v0.16b, v\n\().16b
    .endr
    mov     x0, v0.d[0]
    mov     x1, v0.d[1]
    orr     x0, x0, x1
    ret

// Puts x0 into both halves of every vector register.
    .global patient_soil_vectors
patient_soil_vectors:
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    dup     v\n\().2d, x0
    .endr
    ret

    .arch_extension sve

// Gives all bits that are set in any scalable vector, and how many in predicates and in the first-fault register.
    .global patient_scalable_bits
patient_scalable_bits:
    mov     x0, #0
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    cntp    x1, p\n, p\n\().b
    add     x0, x0, x1
    .endr
    rdffr   p0.b
    cntp    x1, p0, p0.b
    add     x0, x0, x1
    .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    orr     z0.d, z0.d, z\n\().d
    .endr
    ptrue   p0.d
    orv     d0, p0, z0.d
    fmov    x1, d0
    orr     x0, x0, x1
    ret

// Puts x0 into every part of every scalable vector, and ones into predicates and the first-fault register.
    .global patient_soil_scalable
patient_soil_scalable:
    setffr
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    ptrue   p\n\().b
    .endr
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    mov     z\n\().d, x0
    .endr
    ret

    .arch_extension nosve
    .arch_extension nosimd
    .arch_extension nofp

    .section .text.falls, "ax"

    .global patient_loop
patient_loop:
    msr     daifset, #0xf
    b       .

    .global patient_wfi
patient_wfi:
    msr     daifset, #0xf
1:  wfi
    b       1b

    .global patient_wfe
patient_wfe:
    msr     daifset, #0xf
1:  wfe
    b       1b

// Takes an exception where its own tables lead nowhere, again and again: no table is even read for it.
    .global patient_astray
patient_astray:
    mov     x0, {OUTSIDE}
    msr     vbar_el1, x0
    isb
    svc     #0
    b       .

// The same without tables: it is no physical address, and nothing is asked about it.
    .global patient_beyond
patient_beyond:
    mov     x0, {OUTSIDE}
    b       1f

// Takes an exception where there is no memory, by its own tables or without.
    .global patient_vector
patient_vector:
    mov     x0, {NOWHERE}
1:  msr     vbar_el1, x0
    mrs     x0, sctlr_el1
    bic     x0, x0, #1
    msr     sctlr_el1, x0
    isb
    svc     #0
    b       .
