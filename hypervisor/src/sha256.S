// SHA-256 by the instructions of FEAT_SHA256 (FIPS 180-4; Arm ARM C7.2, SHA256H).
//
// The only code of EL2 that computes in SIMD registers. It runs on a CPU whose guest has not begun, so nobody's
// values are in them; they are cleared before it does.

.arch_extension simd
.arch_extension sha2

.section .rodata.sha256, "a"
.balign 16
round_constants:
    .word   0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
    .word   0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
    .word   0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
    .word   0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
    .word   0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
    .word   0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
    .word   0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
    .word   0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2

.section .text.sha256, "ax"

// Four rounds with the words in \w and the constants in \k; v0 and v1 are the state, v2 and v3 change.
.macro rounds w, k
    add     v2.4s, v\w\().4s, v\k\().4s
    mov     v3.16b, v0.16b
    sha256h q0, q1, v2.4s
    sha256h2 q1, q3, v2.4s
.endm

// The words after those in \a to \d, in place of \a.
.macro schedule a, b, c, d
    sha256su0 v\a\().4s, v\b\().4s
    sha256su1 v\a\().4s, v\c\().4s, v\d\().4s
.endm

// Sixteen rounds with the words in v4 to v7, which become the next sixteen.
.macro sixteen_rounds k, l, m, n
    rounds  4, \k
    schedule 4, 5, 6, 7
    rounds  5, \l
    schedule 5, 6, 7, 4
    rounds  6, \m
    schedule 6, 7, 4, 5
    rounds  7, \n
    schedule 7, 4, 5, 6
.endm

// x0: eight words of state, x1: blocks of 64 bytes, x2: how many, at least one. v16 to v31 hold the constants.
.global sha256_blocks
sha256_blocks:
    adrp    x3, round_constants
    add     x3, x3, :lo12:round_constants
    ld1     {v16.4s-v19.4s}, [x3], #64
    ld1     {v20.4s-v23.4s}, [x3], #64
    ld1     {v24.4s-v27.4s}, [x3], #64
    ld1     {v28.4s-v31.4s}, [x3]
    ld1     {v0.4s-v1.4s}, [x0]
1:  ld1     {v4.16b-v7.16b}, [x1], #64
    rev32   v4.16b, v4.16b
    rev32   v5.16b, v5.16b
    rev32   v6.16b, v6.16b
    rev32   v7.16b, v7.16b
    mov     v8.16b, v0.16b
    mov     v9.16b, v1.16b
    sixteen_rounds 16, 17, 18, 19
    sixteen_rounds 20, 21, 22, 23
    sixteen_rounds 24, 25, 26, 27
    rounds  4, 28
    rounds  5, 29
    rounds  6, 30
    rounds  7, 31
    add     v0.4s, v0.4s, v8.4s
    add     v1.4s, v1.4s, v9.4s
    subs    x2, x2, #1
    b.ne    1b
    st1     {v0.4s-v1.4s}, [x0]
    ret

.arch_extension nosha2
.arch_extension nosimd
