// Straight code over many registers, which only assembly can name by number: cleared, or read.
//
// It fits between the entry code and the vectors, which begin at a multiple of 2 KiB.

.section .text.straight, "ax"

// Clears what a guest could read of another life in the FP and SIMD registers: the only such code in EL2.
.arch_extension fp
.arch_extension simd
.global clear_fp
clear_fp:
    msr     fpcr, xzr
    msr     fpsr, xzr
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    movi    v\n\().2d, #0
    .endr
    ret

// The same of the scalable vectors, the predicates and the first-fault register.
.arch_extension sve
.global clear_sve
clear_sve:
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    mov     z\n\().d, #0
    .endr
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    pfalse  p\n\().b
    .endr
    wrffr   p0.b
    ret
.arch_extension nosve
.arch_extension nosimd
.arch_extension nofp

// x0: the frame. Makes its general-purpose registers zero.
.global clear_registers
clear_registers:
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    stp     xzr, xzr, [x0, #({X} + 16 * \n)]
    .endr
    ret

// x0: room for 56 words. Reads the ID registers of group 3: op0 3, op1 0, CRn 0, CRm 1 to 7, op2 0 to 7.
.global read_id_registers
read_id_registers:
    .irp    crm, 1,2,3,4,5,6,7
    .irp    op2, 0,1,2,3,4,5,6,7
    mrs     x1, s3_0_c0_c\crm\()_\op2
    str     x1, [x0], #8
    .endr
    .endr
    ret

// Clears breakpoints and watchpoints, of which ID_AA64DFR0_EL1 says how many there are, less one.
.global clear_debug
clear_debug:
    mrs     x0, id_aa64dfr0_el1
    mov     x3, #15
    ubfx    x1, x0, #12, #4
    sub     x1, x3, x1
    adr     x2, 1f
    add     x2, x2, x1, lsl #3              // two registers for each
    br      x2
1:  .irp    n, 15,14,13,12,11,10,9,8,7,6,5,4,3,2,1,0
    msr     s2_0_c0_c\n\()_5, xzr          // DBGBCR<n>_EL1
    msr     s2_0_c0_c\n\()_4, xzr          // DBGBVR<n>_EL1
    .endr
    ubfx    x1, x0, #20, #4
    sub     x1, x3, x1
    adr     x2, 2f
    add     x2, x2, x1, lsl #3
    br      x2
2:  .irp    n, 15,14,13,12,11,10,9,8,7,6,5,4,3,2,1,0
    msr     s2_0_c0_c\n\()_7, xzr          // DBGWCR<n>_EL1
    msr     s2_0_c0_c\n\()_6, xzr          // DBGWVR<n>_EL1
    .endr
    ret

// Clears PMEVTYPER<n>_EL0, of which PMCR_EL0.N says how many there are.
.global clear_event_types
clear_event_types:
    mrs     x0, pmcr_el0
    ubfx    x0, x0, #11, #5
    adr     x1, 1f
    sub     x1, x1, x0, lsl #2
    br      x1
    .irp    m, 15,14,13,12
    .irp    n, 7,6,5,4,3,2,1,0
    .if     \m * 8 + \n < 127                // there are at most 31
    msr     s3_3_c14_c\m\()_\n, xzr
    .endif
    .endr
    .endr
1:  ret

// Clears APIA, APIB, APDA, APDB and APGA, low and high halves.
.global clear_keys
clear_keys:
    .irp    register, c2_c1_0, c2_c1_1, c2_c1_2, c2_c1_3, c2_c2_0, c2_c2_1, c2_c2_2, c2_c2_3, c2_c3_0, c2_c3_1
    msr     s3_0_\register, xzr
    .endr
    ret
