//! SHA-256, by the CPU's own instructions where it has them.
//!
//! A kernel is hashed each time a partition begins: at some 57 instructions a byte without them, at less than two
//! with them.

use aarch64_cpu::registers::ID_AA64ISAR0_EL1;
use core::arch::global_asm;
use sha2::{Digest, Sha256};
use tock_registers::interfaces::Readable;

/// A digest.
pub(crate) type Digest256 = [u8; 32];

/// The digest of `bytes`. May use the SIMD registers: whoever begins a guest clears them.
pub(crate) fn sha256(bytes: &[u8]) -> Digest256 {
    if has_instructions() { by_instructions(bytes) } else { Sha256::digest(bytes).into() }
}

global_asm!(include_str!("sha256.S"), options(raw));

unsafe extern "C" {
    /// Takes `count` blocks, at least one, into `state`.
    fn sha256_blocks(state: *mut [u32; 8], blocks: *const [u8; BLOCK], count: usize);
}

const BLOCK: usize = 64;
/// Bytes of the message's length, at the end of the last block.
const LENGTH: usize = 8;

/// FIPS 180-4 §5.3.3.
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The test of the portable way says that there are none.
fn has_instructions() -> bool {
    !cfg!(feature = "portable-hash") && ID_AA64ISAR0_EL1.get() >> 12 & 0xf != 0
}

fn by_instructions(bytes: &[u8]) -> Digest256 {
    let mut state = INITIAL;
    let (whole, rest) = bytes.as_chunks::<BLOCK>();
    take(&mut state, whole);
    // A one, zeros, and the length in bits (FIPS 180-4 §5.1.1): in one block more, or two.
    let mut last = [[0; BLOCK]; 2];
    let used = if rest.len() + 1 + LENGTH <= BLOCK { 1 } else { 2 };
    let padded = last[..used].as_flattened_mut();
    padded[..rest.len()].copy_from_slice(rest);
    padded[rest.len()] = 0x80;
    if let Some(length) = padded.last_chunk_mut::<LENGTH>() {
        *length = (bytes.len() as u64 * 8).to_be_bytes();
    }
    take(&mut state, &last[..used]);
    let mut digest = [0; 32];
    digest.as_chunks_mut::<4>().0.iter_mut().zip(state).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
    digest
}

fn take(state: &mut [u32; 8], blocks: &[[u8; BLOCK]]) {
    if !blocks.is_empty() {
        // SAFETY: the CPU has the instructions, CPTR_EL2 lets EL2 use SIMD registers, and nobody's values are in
        // them; the function reads the blocks and writes the state.
        unsafe { sha256_blocks(state, blocks.as_ptr(), blocks.len()) };
    }
}
