// From the firmware to Rust: what has to happen while the MMU is off.
//
// The image begins with the arm64 Image header (Linux, Documentation/arch/arm64/booting.rst), so every
// loader that starts Linux starts this. Nothing is assumed of the state in which it is entered but
// EL2, x0 = device tree and, as booting.rst demands, that the image is clean to the point of coherency.
// Memory that is written with the MMU off is invalidated before and after, for a stale line of the
// loader would overwrite it later. No atomics here: they need the caches.

.section .text.entry, "ax"

.global _start
_start:
    b       primary
    .long   0
    .quad   0                               // text_offset
    .quad   0                               // image_size, filled in by the tool
    .quad   0xa                             // little-endian, 4 KiB pages, anywhere in memory
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

.global BOOT_HEADER
BOOT_HEADER:
    .fill   {BOOT_HEADER_SIZE}, 1, 0

primary:
    msr     daifset, #0xf
    mov     x19, x0
    bl      mmu_off

    // Boot tables in the first pages of the heap: a root; for the window L1 and L2; for this code L1 and L2.
    adr     x1, BOOT_HEADER
    ldr     x20, [x1, #{WINDOW_BASE}]
    ldr     x21, [x1, #{WINDOW_SIZE}]
    ldr     x22, [x1, #{HEAP_BASE}]
    add     x23, x22, #({BOOT_PAGES} * 0x1000)
    bl      invalidate_boot_tables
    mov     x0, x22
1:  stp     xzr, xzr, [x0], #16
    cmp     x0, x23
    b.lo    1b

    // The window, in blocks of 2 MiB, at the address for which the image is linked.
    add     x1, x22, #0x1000
    add     x2, x22, #0x2000
    orr     x3, x1, #3
    str     x3, [x22, #{WINDOW_L0_OFFSET}]
    orr     x3, x2, #3
    str     x3, [x1]
    ldr     x4, ={BLOCK_ATTRIBUTES}
    lsr     x5, x21, #21
    mov     x6, x20
2:  orr     x7, x6, x4
    str     x7, [x2], #8
    add     x6, x6, #0x200000
    subs    x5, x5, #1
    b.ne    2b

    // The block in which this code lies, at its physical address.
    add     x1, x22, #0x3000
    add     x2, x22, #0x4000
    adr     x0, _start
    ubfx    x5, x0, #39, #9
    orr     x3, x1, #3
    str     x3, [x22, x5, lsl #3]
    ubfx    x5, x0, #30, #9
    orr     x3, x2, #3
    str     x3, [x1, x5, lsl #3]
    ubfx    x5, x0, #21, #9
    bic     x6, x0, #0x1fffff
    orr     x7, x6, x4
    str     x7, [x2, x5, lsl #3]

    // The UART, at its physical address, if one gigabyte or two megabytes around it are free for it.
    adr     x3, BOOT_HEADER
    ldr     x3, [x3, #{CONSOLE_BASE}]
    ldr     x4, ={DEVICE_ATTRIBUTES}
    eor     x5, x3, x0
    cbz     x3, 4f
    lsr     x6, x5, #39
    cbnz    x6, 4f
    lsr     x6, x5, #30
    cbnz    x6, 3f
    ubfx    x5, x3, #21, #9
    bic     x6, x3, #0x1fffff
    orr     x7, x6, x4
    str     x7, [x2, x5, lsl #3]
    b       4f
3:  ubfx    x5, x3, #30, #9
    bic     x6, x3, #0x3fffffff
    orr     x7, x6, x4
    str     x7, [x1, x5, lsl #3]
4:
    dsb     sy
    bl      invalidate_boot_tables

    mov     x0, x22
    ldr     x1, ={SCTLR_BOOT}
    ldr     x30, =primary_in_place
    b       mmu_on

// A CPU that the firmware has started: x0 is its number. It reads what the boot CPU has cleaned for it.
.global secondary_entry
secondary_entry:
    msr     daifset, #0xf
    mov     x19, x0
    bl      mmu_off
    adrp    x1, {BOOT_RECORD}
    add     x1, x1, :lo12:{BOOT_RECORD}
    ldr     x0, [x1]
    ldr     x1, ={SCTLR}
    ldr     x30, =secondary_in_place

// x0: root table, x1: SCTLR_EL2, x30: where to go on.
mmu_on:
    ldr     x2, ={MAIR}
    msr     mair_el2, x2
    ldr     x2, ={TCR}
    mrs     x3, id_aa64mmfr0_el1
    and     x3, x3, #0xf
    cmp     x3, #5                          // at most 48 bits of physical address
    mov     x4, #5
    csel    x3, x3, x4, lo
    bfi     x2, x3, #16, #3
    msr     tcr_el2, x2
    msr     ttbr0_el2, x0
    isb
    tlbi    alle2
    ic      iallu
    dsb     nsh
    isb
    msr     sctlr_el2, x1
    isb
    br      x30

// MMU and caches off, HCR_EL2.E2H = 0 so that EL2's registers mean what is written here. Changes x1.
mmu_off:
    mov     x1, #(1 << 31)
    msr     hcr_el2, x1
    isb
    ldr     x1, ={SCTLR_OFF}
    msr     sctlr_el2, x1
    isb
    ret

// x22, x23: first byte of the boot tables and the first behind them. Changes x0 to x2.
invalidate_boot_tables:
    mrs     x1, ctr_el0
    ubfx    x1, x1, #16, #4
    mov     x2, #4
    lsl     x1, x2, x1                      // bytes of the smallest data cache line
    mov     x0, x22
1:  dc      ivac, x0
    add     x0, x0, x1
    cmp     x0, x23
    b.lo    1b
    dsb     sy
    ret

.ltorg

.section .text, "ax"

primary_in_place:
    adrp    x0, {BOOT_STACK}
    add     x0, x0, :lo12:{BOOT_STACK}
    add     sp, x0, #{BOOT_STACK_SIZE}
    bl      set_vectors
    mov     x0, x19
    mov     x29, xzr
    bl      {boot}
    b       .

secondary_in_place:
    ldr     x0, ={STACKS}
    mov     x1, #{STACK_STRIDE}
    add     x2, x19, #1
    madd    x0, x1, x2, x0
    mov     sp, x0
    bl      set_vectors
    mov     x0, x19
    mov     x29, xzr
    bl      {secondary}
    b       .

// Changes x1.
set_vectors:
    adrp    x1, vectors
    add     x1, x1, :lo12:vectors
    msr     vbar_el2, x1
    isb
    ret

// x0: function, x1: its argument. Goes on with the function on the stack of CPU x2; never returns.
.global on_own_stack
on_own_stack:
    ldr     x3, ={STACKS}
    mov     x4, #{STACK_STRIDE}
    add     x2, x2, #1
    madd    x3, x4, x2, x3
    mov     sp, x3
    mov     x3, x0
    mov     x0, x1
    mov     x29, xzr
    blr     x3
    b       .
