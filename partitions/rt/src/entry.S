// Entry: the way from the boot protocol to Rust.
//
// The image begins with the header of Linux's Documentation/arch/arm64/booting.rst, so that whatever boots
// Linux boots a guest: x0 is the device tree, MMU and caches are off. Where the guest runs without a
// hypervisor it may be entered at EL2, which it leaves at once. All that is written while the caches are off
// goes past lines that a loader may have left in them, so those lines are dropped before the caches come on.
//
// A guest that wants to see what a CPU is like before anything of it is changed defines guest_rt_arrival: it is
// called with no stack, has x20 and up to leave alone, and finds x0 in x19.

    .macro address register, symbol
    adrp    \register, \symbol
    add     \register, \register, :lo12:\symbol
    .endm

    .section .head, "ax"
    .global _start
_start:
    b       primary
    .long   0
    .quad   0                               // text_offset
    .quad   __image_end - _start            // image_size
    .quad   {IMAGE_FLAGS}
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

    .weak guest_rt_arrival
primary:
    mov     x19, x0
    bl      guest_rt_arrival                // if nobody defines it, the linker makes this a NOP
    bl      enter_el1
    bl      relocate
    bl      clear_bss
    address x0, guest_rt_stacks
    add     x0, x0, {STACK_SIZE}
    mov     sp, x0
    mov     x0, x19
    bl      {map_memory}
    cbz     w0, stop
    bl      drop_stale_lines
    bl      enable_mmu
    mov     x0, x19
    bl      {start}
stop:
    wfe
    b       stop

// PSCI CPU_ON comes here with the CPU's index in x0.
    .global guest_rt_secondary
guest_rt_secondary:
    mov     x19, x0
    bl      guest_rt_arrival
    bl      enter_el1
    bl      enable_mmu
    address x0, guest_rt_stacks
    mov     x1, {STACK_SIZE}
    madd    x0, x19, x1, x0
    add     sp, x0, x1
    mov     x0, x19
    bl      {start_secondary}
    b       stop

// Exceptions masked, MMU off, EL1. A return address in x30 survives the way down from EL2.
enter_el1:
    msr     daifset, #0xf
    ldr     x0, ={SCTLR_OFF}
    msr     sctlr_el1, x0
    isb
    mrs     x0, CurrentEL
    cmp     x0, {EL2}
    b.ne    1f
    ldr     x0, ={HCR_EL1_IS_AARCH64}
    msr     hcr_el2, x0
    isb
    mrs     x0, cnthctl_el2
    orr     x0, x0, {CNTHCTL_EL1_TIMERS}
    msr     cnthctl_el2, x0
    msr     cntvoff_el2, xzr
    mov     x0, {CPTR_NO_TRAPS}
    msr     cptr_el2, x0
    msr     hstr_el2, xzr
    mrs     x0, midr_el1
    msr     vpidr_el2, x0
    mrs     x0, mpidr_el1
    msr     vmpidr_el2, x0
    mrs     x0, id_aa64pfr0_el1
    tst     x0, {PFR0_GIC}
    b.eq    2f
    mrs     x0, icc_sre_el2
    mov     x1, {ICC_SRE_FOR_EL1}
    orr     x0, x0, x1
    msr     icc_sre_el2, x0
2:  mov     x0, {SPSR_EL1H}
    msr     spsr_el2, x0
    msr     elr_el2, x30
    eret
1:  ret

// Adds the load address to every word that holds an address. The linker is asked for no other relocations.
relocate:
    address x0, __rela_start
    address x1, __rela_end
    address x2, _start
1:  cmp     x0, x1
    b.hs    2f
    ldp     x3, x4, [x0], #16               // r_offset, r_info
    ldr     x5, [x0], #8                    // r_addend
    cmp     x4, {R_AARCH64_RELATIVE}
    b.ne    stop
    add     x5, x5, x2
    str     x5, [x2, x3]
    b       1b
2:  ret

clear_bss:
    address x0, __bss_start
    address x1, __bss_end
1:  cmp     x0, x1
    b.hs    2f
    stp     xzr, xzr, [x0], #16
    b       1b
2:  ret

drop_stale_lines:
    address x0, _start
    address x1, __image_end
    mrs     x2, ctr_el0
    ubfx    x2, x2, #16, #4              // DminLine
    mov     x3, #4                          // CTR_EL0 counts words
    lsl     x3, x3, x2
1:  dc      ivac, x0
    add     x0, x0, x3
    cmp     x0, x1
    b.lo    1b
    dsb     sy
    ret

// Also what makes this CPU's exceptions ours.
enable_mmu:
    address x0, guest_rt_vectors
    msr     vbar_el1, x0
    msr     tpidr_el1, xzr                  // no probe under way
    address x0, {TABLES}
    msr     ttbr0_el1, x0
    ldr     x0, ={MAIR}
    msr     mair_el1, x0
    ldr     x0, ={TCR}
    mrs     x1, id_aa64mmfr0_el1
    and     x1, x1, #0xf                    // PARange
    cmp     x1, {PARANGE_48}
    mov     x2, {PARANGE_48}
    csel    x1, x1, x2, lo
    bfi     x0, x1, #{TCR_IPS_SHIFT}, #3
    msr     tcr_el1, x0
    isb
    tlbi    vmalle1
    ic      iallu
    dsb     nsh
    isb
    ldr     x0, ={SCTLR_ON}
    msr     sctlr_el1, x0
    isb
    ret

    .section .stacks, "aw", %nobits
    .balign 16
guest_rt_stacks:
    .space  {STACK_SIZE} * {CPUS}
