// From the firmware to Rust: what has to happen while the MMU is off.
//
// The image begins with the arm64 Image header (Linux, Documentation/arch/arm64/booting.rst), so every
// loader that starts Linux starts this, at any multiple of 2 MiB; what is not in its window moves there.
// Nothing is assumed of the state in which it is entered: not the exception level, not whether caches are
// on or what they hold. Memory that is written with the MMU off is cleaned first, if it matters, and
// invalidated before and after, for a stale line of the loader would overwrite it later. No atomics here:
// they need the caches.

.section .text.entry, "ax"

.global _start
_start:
    b       primary
    .long   0
    .quad   0                               // text_offset
image_extent:
    .quad   0                               // image_size, filled in by the tool
    .quad   0xa                             // little-endian, 4 KiB pages, anywhere in memory
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

.global BOOT_HEADER
BOOT_HEADER:
    .fill   {BOOT_HEADER_SIZE}, 1, 0

// x19: device tree, x20: where the image is, x21: where its window is, x22: bytes of the window,
// x23: bytes of the image that are cleaned and moved, x24: first page of the heap, where the boot tables are.
// What lies in place behind the window moves with the rest; where it is, nothing touches it.
primary:
    msr     daifset, #0xf
    msr     spsel, #1
    mov     x19, x0
    adr     x20, _start
    adr     x0, BOOT_HEADER
    ldr     x21, [x0, #{WINDOW_BASE}]
    ldr     x22, [x0, #{WINDOW_SIZE}]
    ldr     x23, [x0, #{IMAGE_SIZE}]
    ldr     x24, [x0, #{HEAP_BASE}]
    cbz     x22, sleep                      // the bare binary: nobody has planned anything
    ldr     x1, [x0, #{FILE_SIZE}]
    cmp     x20, x21
    csel    x23, x23, x1, eq
    add     x23, x23, #15                   // it is copied by 16 bytes, aligned
    bic     x23, x23, #15
    mrs     x0, CurrentEL
    cmp     x0, #(2 << 2)
    b.ne    wrong_level
    adr     x0, nothing_there
    msr     vbar_el2, x0
    isb
    mov     x0, x20
    add     x1, x20, x23
    bl      clean_range
    bl      clean_device_tree
    bl      mmu_off
    cmp     x20, x21
    b.eq    in_window
    bl      save_device_tree
    mov     x0, x21
    add     x1, x21, x23
    bl      invalidate_range
    cmp     x20, x21
    b.lo    move_up

    // Downwards, from the first byte on. What is copied last may lie where this code is, so the first page
    // goes first, and the rest is copied by its copy.
    mov     x0, x20
    mov     x1, x21
    add     x2, x20, #0x1000
    bl      copy_forward
    ic      iallu
    dsb     sy
    isb
    adr     x3, move_rest
    sub     x3, x3, x20
    add     x3, x3, x21
    br      x3
move_rest:
    add     x2, x20, x23
    bl      copy_forward
    b       moved

    // Upwards, from the last byte on: this code is below all that is written.
move_up:
    add     x0, x20, x23
    add     x1, x21, x23
1:  ldp     x4, x5, [x0, #-16]!
    stp     x4, x5, [x1, #-16]!
    cmp     x0, x20
    b.hi    1b

moved:
    dsb     sy
    mov     x0, x21
    add     x1, x21, x23
    bl      invalidate_range
    ic      iallu
    dsb     sy
    isb
    adr     x3, in_window
    adr     x0, _start
    sub     x3, x3, x0
    add     x3, x3, x21
    br      x3

    // Boot tables in the first pages of the heap: a root; for the window L1 and L2; for this code L1 and L2.
in_window:
    mov     x0, x24
    add     x1, x24, #({BOOT_PAGES} * 0x1000)
    bl      invalidate_range
    mov     x0, x24
1:  stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.lo    1b

    // The window, in blocks of 2 MiB, at the address for which the image is linked.
    add     x1, x24, #0x1000
    add     x2, x24, #0x2000
    orr     x3, x1, #3
    str     x3, [x24, #{WINDOW_L0_OFFSET}]
    orr     x3, x2, #3
    str     x3, [x1]
    ldr     x4, ={BLOCK_ATTRIBUTES}
    lsr     x5, x22, #21
    mov     x6, x21
2:  orr     x7, x6, x4
    str     x7, [x2], #8
    add     x6, x6, #0x200000
    subs    x5, x5, #1
    b.ne    2b

    // The block in which this code lies, at its physical address.
    add     x1, x24, #0x3000
    add     x2, x24, #0x4000
    ubfx    x5, x21, #39, #9
    orr     x3, x1, #3
    str     x3, [x24, x5, lsl #3]
    ubfx    x5, x21, #30, #9
    orr     x3, x2, #3
    str     x3, [x1, x5, lsl #3]
    ubfx    x5, x21, #21, #9
    orr     x7, x21, x4
    str     x7, [x2, x5, lsl #3]

    // The UART, at its physical address, if one gigabyte or two megabytes around it are free for it.
    adr     x3, BOOT_HEADER
    ldr     x3, [x3, #{CONSOLE_BASE}]
    ldr     x4, ={DEVICE_ATTRIBUTES}
    eor     x5, x3, x21
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
4:  dsb     sy
    mov     x0, x24
    add     x1, x24, #({BOOT_PAGES} * 0x1000)
    bl      invalidate_range

    mov     x0, x24
    ldr     x1, ={SCTLR_BOOT}
    ldr     x30, =primary_in_place
    b       mmu_on

// A CPU that was released from a spin table, with nothing in its registers. One comes at a time, and its number is
// where the boot CPU has left it.
.global released_entry
released_entry:
    adrp    x0, {BOOT_RECORD}
    add     x0, x0, :lo12:{BOOT_RECORD}
    ldr     x0, [x0, #{RELEASED}]

// A CPU that the firmware has started: x0 is its number. It reads what the boot CPU has cleaned for it.
.global secondary_entry
secondary_entry:
    msr     daifset, #0xf
    msr     spsel, #1
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

// MMU and caches off; then HCR_EL2.E2H = 0, so that EL2's registers mean what is written here, which would
// change the meaning of a map in use. Changes x1.
mmu_off:
    ldr     x1, ={SCTLR_OFF}
    msr     sctlr_el2, x1
    isb
    mov     x1, #(1 << 31)
    msr     hcr_el2, x1
    isb
    ldr     x1, ={SCTLR_OFF}                // without E2H other bits are RES1
    msr     sctlr_el2, x1
    isb
    ret

// Copies from x0 to x1 up to x2, whole lines; leaves x0 and x1 behind the last. Changes x4, x5.
copy_forward:
    ldp     x4, x5, [x0], #16
    stp     x4, x5, [x1], #16
    cmp     x0, x2
    b.lo    copy_forward
    ret

// x0, x1: first byte and the first behind the last. Keeps x1; changes x0, x2, x3.
clean_range:
    mrs     x2, ctr_el0
    ubfx    x2, x2, #16, #4
    mov     x3, #4
    lsl     x2, x3, x2                      // bytes of the smallest data cache line
1:  dc      civac, x0
    add     x0, x0, x2
    cmp     x0, x1
    b.lo    1b
    dsb     sy
    ret

// The same, for memory whose contents do not matter.
invalidate_range:
    mrs     x2, ctr_el0
    ubfx    x2, x2, #16, #4
    mov     x3, #4
    lsl     x2, x3, x2
1:  dc      ivac, x0
    add     x0, x0, x2
    cmp     x0, x1
    b.lo    1b
    dsb     sy
    ret

// x19: what may be a device tree. Leaves its total size in x6, or zero. Changes x5.
device_tree_size:
    mov     x6, #0
    cbz     x19, 1f
    tst     x19, #7
    b.ne    1f
    ldr     w5, [x19]
    rev     w5, w5
    movz    w6, #0xd00d, lsl #16
    movk    w6, #0xfeed
    cmp     w5, w6
    mov     x6, #0
    b.ne    1f
    ldr     w6, [x19, #4]
    rev     w6, w6
    cmp     x6, #{LARGEST_TREE}
    csel    x6, x6, xzr, ls
1:  ret

// x6: the total size of the device tree in x19. Leaves in x2 what it uses of that, which is less: header,
// reservations, structure and strings; the total size if these make no sense. Changes x3 to x5.
device_tree_extent:
    ldp     w2, w3, [x19, #8]               // offset of structure, of strings
    ldp     w4, w5, [x19, #32]              // size of strings, of structure
    rev     w2, w2
    rev     w3, w3
    rev     w4, w4
    rev     w5, w5
    add     x2, x2, x5
    add     x3, x3, x4
    cmp     x2, x3
    csel    x2, x2, x3, hi
    ldr     w3, [x19, #16]                  // offset of the reservations, which end by themselves
    rev     w3, w3
    cmp     x2, x3
    csel    x2, x2, x6, hi
    cmp     x2, x6
    csel    x2, x2, x6, lo
    ret

// What the firmware has written of its device tree may be in the caches only. Changes x0 to x6, x9.
clean_device_tree:
    mov     x9, x30
    bl      device_tree_size
    cbz     x6, 1f
    bl      device_tree_extent
    mov     x0, x19
    add     x1, x19, x2
    bl      clean_range
1:  ret     x9

// The image is about to move, perhaps over the device tree. There is room for that at the end of the higher of
// both places: neither the image nor its copy gets there. Leaves the new place, or zero, in x19.
save_device_tree:
    mov     x9, x30
    bl      device_tree_size
    cbz     x6, 3f
    bl      device_tree_extent
    mov     x10, #{ROOM_FOR_TREE}
    sub     x3, x10, #16                    // it is copied by 16 bytes
    cmp     x2, x3
    b.hi    3f
    cmp     x20, x21
    csel    x1, x20, x21, hi
    ldr     x3, image_extent
    add     x1, x1, x3
    mov     x7, x2
    sub     x8, x1, x10
    mov     x0, x8
    bl      invalidate_range
    mov     x0, x19
    mov     x1, x8
    add     x2, x19, x7
    bl      copy_forward
    rev     w7, w7
    str     w7, [x8, #4]                    // its total size is what it uses now
    dsb     sy
    mov     x19, x8
    mov     x0, x8
    add     x1, x8, x10
    bl      invalidate_range
    ret     x9
3:  mov     x19, #0
    ret     x9

// Without EL2 there is nothing that this can do, but say so: by the UART of the boot header.
wrong_level:
    cmp     x0, #(3 << 2)
    b.eq    1f
    mov     x1, #0
    movk    x1, #0x30d0, lsl #16
    movk    x1, #0x0800
    msr     sctlr_el1, x1
    isb
    adr     x2, at_el1
    b       2f
1:  mov     x1, #0
    movk    x1, #0x30c5, lsl #16
    movk    x1, #0x0830
    msr     sctlr_el3, x1
    isb
    adr     x2, at_el3
2:  adr     x0, BOOT_HEADER
    ldr     x3, [x0, #{CONSOLE_BASE}]
    cbz     x3, sleep
    add     x4, x0, #{CONSOLE_ON}
    add     x5, x4, #{CONSOLE_ON_SIZE}
3:  ldp     w6, w7, [x4], #8                // the register, bits to clear
    ldr     w8, [x4], #4                    // bits to set
    orr     w9, w7, w8
    cbz     w9, 4f
    bl      load_register
    bic     w9, w9, w7
    orr     w9, w9, w8
    bl      store_register
4:  cmp     x4, x5
    b.lo    3b
5:  ldr     w6, [x0, #{CONSOLE_STATUS}]
    ldp     w7, w8, [x0, #{CONSOLE_MASK}]   // the bits that count, what they are while there is room
    bl      load_register
    and     w9, w9, w7
    cmp     w9, w8
    b.ne    5b
    ldrb    w9, [x2], #1
    cbz     w9, sleep
    ldr     w6, [x0, #{CONSOLE_DATA}]
    bl      store_register
    b       5b

// x0: boot header, x3: first register, w6: offset of another one, w9: what is in it.
load_register:
    ldr     w10, [x0, #{CONSOLE_WIDTH}]
    add     x11, x3, w6, uxtw
    tbnz    w10, #0, 1f
    ldr     w9, [x11]
    ret
1:  ldrb    w9, [x11]
    ret

store_register:
    ldr     w10, [x0, #{CONSOLE_WIDTH}]
    add     x11, x3, w6, uxtw
    tbnz    w10, #0, 1f
    str     w9, [x11]
    ret
1:  strb    w9, [x11]
    ret

sleep:
    wfe
    b       sleep

at_el1:
    .asciz  "\r\n[bulkhead] not booted: entered at EL1, and EL2 is needed: start the image at EL2\r\n"
at_el3:
    .asciz  "\r\n[bulkhead] not booted: entered at EL3, and EL2 is needed: start the image at EL2, as BL33\r\n"
    .balign 4

.ltorg

// Vectors as long as x0 of the firmware is not known to lead anywhere: a load from nowhere, the only thing
// that can go wrong here, means that there is no device tree, and its size is zero.
    .balign 0x800
nothing_there:
    .fill   0x80, 4, 0
    mov     x19, #0
    mov     x6, #0
    msr     elr_el2, x30
    eret

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
