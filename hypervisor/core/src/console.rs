//! One UART for many speakers: a ring for each, and a line discipline that keeps them apart.
//!
//! On the wire every line begins with a label, `[name] `. Where a speaker is interrupted in the middle of
//! a line, a soft break (0x1e, then a line end) says so, and the speaker's next piece has a label again.
//! Bytes 0x1e and 0x1f of a speaker are sent as 0x1f and the byte xor 0x40. So a reader, human or not,
//! can tell who said what, and no partition can speak in another's name. Where the wire is handed over to a
//! partition, a break that no other is like says so.
//!
//! A line that has been begun is broken only for a reason: somebody else has waited for a while, or is
//! running out of room. So a speaker that never ends its line holds up nobody.

/// Bytes that wait for a speaker's turn.
pub const RING: usize = 1024;

/// What a partition has said and the wire has not carried yet.
#[derive(Clone, Debug)]
pub struct Ring {
    bytes: [u8; RING],
    first: usize,
    length: usize,
    lost: u32,
    since: u64,
    moved: u64,
}

/// What has become of a byte that a speaker wants to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits in the ring, or is lost and counted.
    Done,
    /// There is no room yet, but the wire moves: the speaker says it again.
    Later,
}

/// The line discipline of the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Who has begun the line that is not yet ended.
    speaker: Option<usize>,
}

impl Ring {
    /// An empty ring.
    pub const fn new() -> Self {
        Self { bytes: [0; RING], first: 0, length: 0, lost: 0, since: 0, moved: 0 }
    }

    /// Adds a byte at time `now`. Without room it is put off; if no byte has left for `patience`, the wire
    /// stands still, and then it is counted as lost: that costs characters, not the speaker.
    pub fn push(&mut self, byte: u8, now: u64, patience: u64) -> Pushed {
        if self.is_empty() {
            self.since = now;
            self.moved = now;
        }
        if self.is_full() {
            if now.saturating_sub(self.moved) < patience {
                return Pushed::Later;
            }
            self.lost = self.lost.saturating_add(1);
            return Pushed::Done;
        }
        let end = self.first.wrapping_add(self.length).wrapping_rem(RING);
        if let Some(slot) = self.bytes.get_mut(end) {
            *slot = byte;
            self.length = self.length.saturating_add(1);
        }
        Pushed::Done
    }

    /// Takes the oldest byte at time `now`.
    pub fn pop(&mut self, now: u64) -> Option<u8> {
        self.length = self.length.checked_sub(1)?;
        self.moved = now;
        let byte = self.bytes.get(self.first).copied();
        self.first = self.first.wrapping_add(1).wrapping_rem(RING);
        byte
    }

    /// Whether nothing waits.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether what waits may break another speaker's line at time `now`: it has waited for `patience`, or
    /// takes half of the room.
    pub const fn presses(&self, now: u64, patience: u64) -> bool {
        self.length >= RING / 2 || !self.is_empty() && now.saturating_sub(self.since) >= patience
    }

    /// Bytes that wait.
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Whether there is no room.
    pub const fn is_full(&self) -> bool {
        self.length == RING
    }

    /// How many bytes were lost since the last time somebody asked.
    pub fn take_lost(&mut self) -> u32 {
        core::mem::take(&mut self.lost)
    }
}

impl Default for Ring {
    fn default() -> Self {
        Self::new()
    }
}

impl Line {
    /// Nobody has begun a line.
    pub const fn new() -> Self {
        Self { speaker: None }
    }

    /// Whether `speaker` can speak without breaking a line.
    pub fn is_free_for(&self, speaker: usize) -> bool {
        self.speaker.is_none_or(|current| current == speaker)
    }

    /// Carries `byte` of `speaker`, whose name is `label`, to the wire.
    pub fn put(&mut self, speaker: usize, label: &str, byte: u8, wire: &mut impl FnMut(u8)) {
        if self.speaker != Some(speaker) {
            if self.speaker.is_some() {
                [SOFT_BREAK, b'\r', b'\n'].into_iter().for_each(&mut *wire);
            }
            wire(b'[');
            label.bytes().for_each(&mut *wire);
            [b']', b' '].into_iter().for_each(&mut *wire);
            self.speaker = Some(speaker);
        }
        if matches!(byte, SOFT_BREAK | ESCAPE) {
            wire(ESCAPE);
            wire(byte ^ ESCAPED);
        } else {
            wire(byte);
        }
        if byte == b'\n' {
            self.speaker = None;
        }
    }
}

/// What follows it on the wire is nobody's but the heir's.
pub const LAST_BREAK: [u8; 4] = [SOFT_BREAK, ESCAPE, b'\r', b'\n'];

const SOFT_BREAK: u8 = 0x1e;
const ESCAPE: u8 = 0x1f;
const ESCAPED: u8 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn wire(pieces: &[(usize, &str)]) -> Vec<u8> {
        let mut line = Line::default();
        let mut bytes = Vec::new();
        for (speaker, text) in pieces {
            let label = ["bulkhead", "linux"][*speaker];
            text.bytes().for_each(|byte| line.put(*speaker, label, byte, &mut |byte| bytes.push(byte)));
        }
        bytes
    }

    #[test]
    fn every_line_has_its_speaker() {
        assert_eq!(wire(&[(0, "a\nb\n"), (1, "c\n")]), b"[bulkhead] a\n[bulkhead] b\n[linux] c\n");
    }

    #[test]
    fn an_interrupted_line_goes_on_under_its_label() {
        let expected = b"[linux] # \x1e\r\n[bulkhead] x\n[linux] ls\n";
        assert_eq!(wire(&[(1, "# "), (0, "x\n"), (1, "ls\n")]), expected);
    }

    #[test]
    fn a_partition_cannot_speak_for_another() {
        assert_eq!(wire(&[(1, "\n[bulkhead] x\n")]), b"[linux] \n[linux] [bulkhead] x\n");
        assert_eq!(wire(&[(1, "\x1e\x1f")]), b"[linux] \x1f\x5e\x1f\x5f");
    }

    #[test]
    fn a_line_is_broken_only_for_a_reason() {
        let mut line = Line::new();
        assert!(line.is_free_for(1), "nobody has begun a line");
        line.put(0, "a", b'#', &mut |_| {});
        assert!(line.is_free_for(0) && !line.is_free_for(1));
        line.put(0, "a", b'\n', &mut |_| {});
        assert!(line.is_free_for(1));
    }

    #[test]
    fn whoever_waits_for_long_or_has_much_to_say_presses() {
        let mut ring = Ring::new();
        assert!(!ring.presses(1000, 10), "who has nothing to say does not");
        ring.push(b'a', 100, 0);
        ring.push(b'b', 109, 0);
        assert!(!ring.presses(109, 10) && ring.presses(110, 10));
        for _ in 2..RING / 2 {
            ring.push(b'c', 100, 0);
        }
        assert!(ring.presses(100, 10));
    }

    #[test]
    fn a_full_ring_puts_off_whoever_speaks_while_the_wire_moves() {
        let mut ring = Ring::new();
        (0..RING).for_each(|_| assert_eq!(ring.push(b'a', 0, 100), Pushed::Done));
        assert_eq!(ring.push(b'b', 99, 100), Pushed::Later);
        assert_eq!(ring.pop(99), Some(b'a'));
        assert_eq!(ring.push(b'b', 100, 100), Pushed::Done);
        assert_eq!(ring.push(b'c', 198, 100), Pushed::Later);
        assert_eq!(ring.push(b'c', 199, 100), Pushed::Done, "the wire stands still");
        assert_eq!(ring.take_lost(), 1);
    }

    #[test]
    fn a_full_ring_counts_what_it_loses() {
        let mut ring = Ring::new();
        for number in 0..RING + 3 {
            ring.push(u8::try_from(number % 251).unwrap(), 0, 0);
        }
        assert!(ring.is_full());
        assert_eq!((ring.take_lost(), ring.take_lost()), (3, 0));
        let bytes: Vec<u8> = core::iter::from_fn(|| ring.pop(0)).collect();
        assert_eq!(bytes.len(), RING);
        assert!(bytes.iter().enumerate().all(|(at, byte)| usize::from(*byte) == at % 251));
        assert!(ring.is_empty());
    }
}
