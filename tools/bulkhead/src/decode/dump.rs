//! The hypervisor's log as a dump of the board's memory has it.
//!
//! The dump may be of any part of memory, taken by a debugger, by firmware after a reset or by QEMU: what is looked for
//! says by itself what it is. It may hold more than one journal, for memory keeps what a former boot has written
//! elsewhere; they are all told, in the order of their addresses.

use bulkhead_core::journal::{self, Found, Kind};

/// The lines of all journals in `dump`, each under its speaker's label; `None` if there is no journal.
pub fn log_of(dump: &[u8]) -> Option<Vec<u8>> {
    let mut rest = dump;
    let mut log = Vec::new();
    let mut count = 0;
    while let Some((found, behind)) = journal::find(rest) {
        tell(&found, &mut log);
        rest = behind;
        count += 1;
    }
    (count > 0).then_some(log)
}

fn tell(found: &Found<'_>, log: &mut Vec<u8>) {
    let text = found.pieces.concat();
    if found.lost > 0 {
        log.extend(format!("({} bytes before these were overwritten)\n", found.lost).bytes());
    }
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if found.kind == Kind::Log {
            log.extend(b"[bulkhead] ");
        }
        log.extend(line);
    }
    if !log.ends_with(b"\n") && !log.is_empty() {
        log.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop};
    use proptest::{prop_assert, proptest};

    /// A journal of 32 bytes as memory holds it.
    fn journal(kind: u64, text: &[u8]) -> Vec<u8> {
        let mut ring = [0; 32];
        text.iter().enumerate().for_each(|(at, byte)| ring[at % 32] = *byte);
        let words = [kind, 32, text.len() as u64].map(u64::to_le_bytes).concat();
        [b"Bulkhead journal", &words[..], &ring].concat()
    }

    fn told(dump: &[u8]) -> String {
        String::from_utf8(log_of(dump).unwrap()).unwrap()
    }

    #[test]
    fn the_log_is_the_hypervisors_and_consoles_say_whose_they_are() {
        let dump =
            [vec![0xff; 77], journal(1, b"a: off\r\nb: off\r\n"), vec![0; 9], journal(2, b"[a] # ")].concat();
        assert_eq!(told(&dump), "[bulkhead] a: off\r\n[bulkhead] b: off\r\n[a] # \n");
    }

    #[test]
    fn what_was_overwritten_is_counted() {
        let dump = journal(1, b"this line is lost in part\r\nthis is not\r\n");
        assert_eq!(
            told(&dump),
            "(8 bytes before these were overwritten)\n[bulkhead] e is lost in part\r\n[bulkhead] this is not\r\n"
        );
    }

    #[test]
    fn a_dump_without_a_journal_has_no_log() {
        assert_eq!(log_of(b"Bulkhead journal"), None);
        assert_eq!(log_of(&[]), None);
    }

    proptest! {
        #[test]
        fn any_dump_is_answered(
            before in prop::collection::vec(any::<u8>(), 0..200),
            kind in 0_u64..4,
            text in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let dump = [before, journal(kind, &text)].concat();
            prop_assert!(log_of(&dump).is_some() == (kind == 1 || kind == 2));
        }
    }
}
