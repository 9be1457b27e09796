//! What EL2 has said, in its own memory: a ring that is found again in a raw dump.
//!
//! EL2 writes every line of its log here, whether a UART carries it or not; who has a dump of the board's memory reads
//! it with `bulkhead decode`. The newest bytes stay: each takes the place of the oldest. Nothing here needs a lock,
//! because EL2's last words are said whoever holds one; two writers at once cost bytes, nothing else.
//!
//! A journal begins with 16 bytes that say so, only once it is in use: neither the image's file nor what the loader has
//! left of it holds one.

use core::mem::size_of;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What a journal holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Kind {
    /// The hypervisor's log, line by line.
    Log = 1,
    /// What partitions have said on the shared console, in the form of that wire, since the UART is another's.
    Consoles = 2,
}

/// A journal of `SIZE` bytes, in zeroed memory until it is begun.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Journal<const SIZE: usize> {
    magic: [AtomicU64; 2],
    kind: AtomicU64,
    size: AtomicU64,
    /// Bytes ever written.
    written: AtomicU64,
    bytes: [AtomicU8; SIZE],
}

/// A journal in a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'d> {
    /// What it holds.
    pub kind: Kind,
    /// How many bytes were overwritten.
    pub lost: u64,
    /// What it holds, in two pieces, the older one first.
    pub pieces: [&'d [u8]; 2],
}

impl<const SIZE: usize> Journal<SIZE> {
    /// A journal that nobody would find.
    pub const fn new() -> Self {
        const { assert!(SIZE.is_power_of_two() && SIZE >= SMALLEST && SIZE <= LARGEST) };
        Self {
            magic: [const { AtomicU64::new(0) }; 2],
            kind: AtomicU64::new(0),
            size: AtomicU64::new(0),
            written: AtomicU64::new(0),
            bytes: [const { AtomicU8::new(0) }; SIZE],
        }
    }

    /// Makes it one that is found.
    pub fn begin(&self, kind: Kind) {
        self.kind.store(kind as u64, Ordering::Relaxed);
        self.size.store(SIZE as u64, Ordering::Relaxed);
        let words = MAGIC.as_chunks::<8>().0;
        self.magic
            .iter()
            .zip(words)
            .for_each(|(to, word)| to.store(u64::from_le_bytes(*word), Ordering::Relaxed));
    }

    /// Writes a byte.
    pub fn put(&self, byte: u8) {
        let written = self.written.load(Ordering::Relaxed);
        let place = usize::try_from(written).unwrap_or(0) & SIZE.wrapping_sub(1);
        if let Some(slot) = self.bytes.get(place) {
            slot.store(byte, Ordering::Relaxed);
        }
        self.written.store(written.wrapping_add(1), Ordering::Release);
    }
}

impl<const SIZE: usize> Default for Journal<SIZE> {
    fn default() -> Self {
        Self::new()
    }
}

/// The first journal in `dump`, whatever else that is, with what comes behind its first bytes.
pub fn find(dump: &[u8]) -> Option<(Found<'_>, &[u8])> {
    let mut rest = dump;
    loop {
        let at = rest.windows(MAGIC.len()).position(|window| window == MAGIC)?;
        let here = rest.get(at..)?;
        rest = here.get(1..)?;
        if let Some(found) = read(here) {
            return Some((found, rest));
        }
    }
}

/// The first bytes of a journal.
const MAGIC: [u8; 16] = *b"Bulkhead journal";
/// Bytes before those that were written.
const HEADER: usize = 5 * size_of::<u64>();
/// Bytes of the smallest journal and of the largest.
const SMALLEST: usize = 16;
const LARGEST: usize = 1 << 20;

/// The journal with which `bytes` begin, if it can be one.
fn read(bytes: &[u8]) -> Option<Found<'_>> {
    let word = |number: usize| {
        let start = number.checked_mul(size_of::<u64>())?;
        let bytes = bytes.get(start..start.checked_add(size_of::<u64>())?)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    let kind = match word(2)? {
        1 => Kind::Log,
        2 => Kind::Consoles,
        _ => return None,
    };
    let (size, written) = (usize::try_from(word(3)?).ok()?, word(4)?);
    if !size.is_power_of_two() || !(SMALLEST..=LARGEST).contains(&size) {
        return None;
    }
    let ring = bytes.get(HEADER..HEADER.checked_add(size)?)?;
    let lost = written.saturating_sub(size as u64);
    let next = usize::try_from(written & (size as u64).wrapping_sub(1)).ok()?;
    let (newer, older) = ring.split_at_checked(next)?;
    Some(Found { kind, lost, pieces: [if lost == 0 && written < size as u64 { &[] } else { older }, newer] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop};
    use proptest::{prop_assert, prop_assert_eq, proptest};
    use std::vec::Vec;

    const SIZE: usize = 64;

    /// The journal as it lies in memory.
    fn memory(journal: &Journal<SIZE>) -> Vec<u8> {
        let words = journal.magic.iter().chain([&journal.kind, &journal.size, &journal.written]);
        let header = words.flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes());
        header.chain(journal.bytes.iter().map(|byte| byte.load(Ordering::Relaxed))).collect()
    }

    fn written(text: &[u8]) -> Vec<u8> {
        let journal = Journal::new();
        journal.begin(Kind::Log);
        text.iter().for_each(|byte| journal.put(*byte));
        memory(&journal)
    }

    #[test]
    fn a_journal_lies_in_memory_as_it_is_read() {
        assert_eq!(core::mem::offset_of!(Journal<SIZE>, bytes), HEADER);
        assert_eq!(core::mem::offset_of!(Journal<SIZE>, written), 32);
        assert_eq!(core::mem::offset_of!(Journal<SIZE>, magic), 0);
    }

    #[test]
    fn nobody_finds_a_journal_before_it_is_begun() {
        assert_eq!(find(&memory(&Journal::new())), None);
        let unfinished = [&MAGIC[..], &[0; 200]].concat();
        assert_eq!(find(&unfinished), None);
    }

    #[test]
    fn all_journals_of_a_dump_are_found() {
        let dump = [written(b"first\r\n"), std::vec![7; 99], written(b"second\r\n")].concat();
        let (first, rest) = find(&dump).unwrap();
        let (second, rest) = find(rest).unwrap();
        assert_eq!((first.kind, first.pieces.concat()), (Kind::Log, b"first\r\n".to_vec()));
        assert_eq!((second.lost, second.pieces.concat()), (0, b"second\r\n".to_vec()));
        assert_eq!(find(rest), None);
    }

    proptest! {
        #[test]
        fn the_newest_bytes_are_found_in_their_order(
            text in prop::collection::vec(any::<u8>(), 0..300),
            before in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let dump = [before, written(&text)].concat();
            let (found, _) = find(&dump).unwrap();
            let kept = &text[text.len().saturating_sub(SIZE)..];
            prop_assert_eq!(found.pieces.concat(), kept);
            prop_assert_eq!(found.lost, (text.len() - kept.len()) as u64);
        }

        #[test]
        fn any_dump_is_answered(
            dump in prop::collection::vec(any::<u8>(), 0..300),
            header in any::<[u64; 3]>(),
            at in any::<prop::sample::Index>(),
        ) {
            let mut dump = dump;
            let words = header.into_iter().flat_map(u64::to_le_bytes);
            let journal: Vec<u8> = MAGIC.into_iter().chain(words).collect();
            let at = at.index(dump.len() + 1);
            dump.splice(at..at, journal);
            let mut rest = &dump[..];
            while let Some((found, behind)) = find(rest) {
                prop_assert!(behind.len() < rest.len() && found.pieces.concat().len() <= dump.len());
                rest = behind;
            }
        }

        #[test]
        fn a_dump_that_ends_early_is_answered(text in prop::collection::vec(any::<u8>(), 0..100), length in 0..200_usize) {
            let whole = written(&text);
            prop_assert_eq!(find(&whole[..length.min(whole.len())]).is_some(), length >= whole.len());
        }
    }
}
