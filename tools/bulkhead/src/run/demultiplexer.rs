//! Takes the shared console apart into the sources that speak on it.
//!
//! All partitions without a UART of their own and the hypervisor's log share one wire. Each physical line
//! opens with the label `[name] `; the bytes up to and including `\n` are that source's. When another
//! source speaks before a line is finished, the wire carries 0x1e and `\r\n` (a soft break, nobody's
//! bytes), then a new line with a label. Guest bytes 0x1e and 0x1f travel as 0x1f and the byte with bit 6
//! flipped. What comes without a label was said before EL2 and belongs to the source `firmware`.
//!
//! Bytes 0x1e and 0x1f and a line end hand the wire over: what follows is as a partition's own UART says it.
//!
//! Bytes are handed over as they come: a prompt has no end of line. Only what may yet become a label waits.

/// The source of all that carries no label.
pub const FIRMWARE: &str = "firmware";

const SOFT_BREAK: u8 = 0x1e;
const ESCAPE: u8 = 0x1f;
const ESCAPE_FLIP: u8 = 0x40;
const LONGEST_NAME: usize = bulkhead_plan::limits::NAME;

/// Bytes that one source said in one breath.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Name of a partition, `bulkhead` for the hypervisor, or [`FIRMWARE`].
    pub source: String,
    /// Exactly what it wrote.
    pub bytes: Vec<u8>,
}

/// The wire's state between two reads; how the bytes are cut into reads makes no difference.
#[derive(Debug)]
pub struct Demultiplexer {
    state: State,
    heir: String,
}

#[derive(Debug)]
enum State {
    /// A physical line begins; the bytes so far may become a label.
    Label(Vec<u8>),
    /// Inside a line of this source.
    Line { source: String, escaped: bool },
    /// After a soft break, until its end of line.
    Break,
    /// The same, and then the wire is somebody's.
    LastBreak,
    /// The wire is the heir's.
    Inherited,
}

enum Candidate<'a> {
    Complete(&'a str),
    Possible,
    None,
}

impl Default for Demultiplexer {
    fn default() -> Self {
        Self::with_heir(FIRMWARE)
    }
}

impl Demultiplexer {
    /// For a wire that `heir` has once it was handed over.
    pub fn with_heir(heir: &str) -> Self {
        Self { state: State::Label(Vec::new()), heir: heir.to_owned() }
    }

    /// Takes the next bytes of the wire and returns what was said, in order.
    pub fn feed(&mut self, wire: &[u8]) -> Vec<Chunk> {
        let mut said = Vec::new();
        for &byte in wire {
            self.step(byte, &mut said);
        }
        said
    }

    fn step(&mut self, byte: u8, said: &mut Vec<Chunk>) {
        match &mut self.state {
            State::Label(bytes) => {
                bytes.push(byte);
                match candidate(bytes) {
                    Candidate::Possible => {}
                    Candidate::Complete(name) => self.state = line(name),
                    Candidate::None => {
                        let unlabelled = std::mem::take(bytes);
                        self.state = line(FIRMWARE);
                        unlabelled.into_iter().for_each(|byte| self.step(byte, said));
                    }
                }
            }
            State::Line { source, escaped } => {
                if *escaped {
                    *escaped = false;
                    say(said, source, byte ^ ESCAPE_FLIP);
                    return;
                }
                match byte {
                    SOFT_BREAK => self.state = State::Break,
                    ESCAPE => *escaped = true,
                    _ => {
                        say(said, source, byte);
                        if byte == b'\n' {
                            self.state = State::Label(Vec::new());
                        }
                    }
                }
            }
            State::Break => match byte {
                b'\n' => self.state = State::Label(Vec::new()),
                ESCAPE => self.state = State::LastBreak,
                _ => {}
            },
            State::LastBreak => {
                if byte == b'\n' {
                    self.state = State::Inherited;
                }
            }
            State::Inherited => say(said, &self.heir, byte),
        }
    }
}

fn line(source: &str) -> State {
    State::Line { source: source.to_owned(), escaped: false }
}

fn candidate(bytes: &[u8]) -> Candidate<'_> {
    let Some(inside) = bytes.strip_prefix(b"[") else { return Candidate::None };
    let length = inside.iter().take_while(|byte| is_name_byte(**byte)).count();
    let (name, rest) = inside.split_at(length);
    match (length, rest) {
        (1..=LONGEST_NAME, b"] ") => std::str::from_utf8(name).map_or(Candidate::None, Candidate::Complete),
        (1..=LONGEST_NAME, b"]") | (0..=LONGEST_NAME, b"") => Candidate::Possible,
        _ => Candidate::None,
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn say(said: &mut Vec<Chunk>, source: &str, byte: u8) {
    match said.last_mut() {
        Some(chunk) if chunk.source == source => chunk.bytes.push(byte),
        _ => said.push(Chunk { source: source.to_owned(), bytes: vec![byte] }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// What the hypervisor does, in its simplest form.
    fn multiplex(firmware: &[u8], spoken: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut wire = firmware.to_vec();
        let mut open: Option<&str> = (!firmware.is_empty() && !firmware.ends_with(b"\n")).then_some(FIRMWARE);
        for (source, bytes) in spoken {
            for &byte in bytes {
                if open != Some(source) {
                    if open.is_some() {
                        wire.extend([SOFT_BREAK, b'\r', b'\n']);
                    }
                    wire.extend(format!("[{source}] ").bytes());
                }
                match byte {
                    SOFT_BREAK | ESCAPE => wire.extend([ESCAPE, byte ^ ESCAPE_FLIP]),
                    _ => wire.push(byte),
                }
                open = (byte != b'\n').then_some(source);
            }
        }
        wire
    }

    fn sorted(chunks: impl IntoIterator<Item = (String, Vec<u8>)>) -> BTreeMap<String, Vec<u8>> {
        let mut sources = BTreeMap::<String, Vec<u8>>::new();
        for (source, bytes) in chunks.into_iter().filter(|(_, bytes)| !bytes.is_empty()) {
            sources.entry(source).or_default().extend(bytes);
        }
        sources
    }

    fn demultiplex<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> BTreeMap<String, Vec<u8>> {
        let mut demultiplexer = Demultiplexer::default();
        let chunks: Vec<Chunk> = reads.into_iter().flat_map(|read| demultiplexer.feed(read)).collect();
        sorted(chunks.into_iter().map(|chunk| (chunk.source, chunk.bytes)))
    }

    fn tricky_byte() -> impl Strategy<Value = u8> {
        prop_oneof![any::<u8>(), proptest::sample::select(b"\x1e\x1f\x5e\x5f[] \r\nab".to_vec())]
    }

    fn spoken() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
        vec(("bulkhead|ticker|hello-2|a_B", vec(tricky_byte(), 0..40)), 0..20)
    }

    fn firmware() -> impl Strategy<Value = Vec<u8>> {
        // Firmware neither labels its lines nor writes control characters of this protocol.
        "(NOTICE: [\\[\\]a-z ]{0,20}\r\n|\\[    0.[0-9]{6}\\] [a-z]{1,9}\n|\\[\\] x\n){0,4}(U-Boot> )?"
            .prop_map(String::into_bytes)
    }

    proptest! {
        #[test]
        fn every_source_gets_exactly_what_it_said(firmware in firmware(), spoken in spoken()) {
            let wire = multiplex(&firmware, &spoken);
            let said = [(FIRMWARE.to_owned(), firmware)].into_iter().chain(spoken);
            prop_assert_eq!(demultiplex([wire.as_slice()]), sorted(said));
        }

        #[test]
        fn the_cut_into_reads_makes_no_difference(wire in vec(tricky_byte(), 0..400), size in 1_usize..17) {
            prop_assert_eq!(demultiplex(wire.chunks(size)), demultiplex([wire.as_slice()]));
        }
    }

    fn heard(wire: &[u8]) -> Vec<(String, String)> {
        let chunks = Demultiplexer::default().feed(wire);
        chunks.into_iter().map(|c| (c.source, String::from_utf8_lossy(&c.bytes).into_owned())).collect()
    }

    fn pair(source: &str, text: &str) -> (String, String) {
        (source.to_owned(), text.to_owned())
    }

    #[test]
    fn a_broken_line_is_put_together_again() {
        assert_eq!(
            heard(b"[a] one \x1e\r\n[b] two\n[a] three\n"),
            [pair("a", "one "), pair("b", "two\n"), pair("a", "three\n")]
        );
    }

    #[test]
    fn an_unfinished_line_is_delivered_at_once() {
        assert_eq!(heard(b"[shell] # "), [pair("shell", "# ")]);
    }

    #[test]
    fn a_line_without_a_valid_label_is_the_firmwares() {
        assert_eq!(heard(b"[    0.0] x\n"), [pair(FIRMWARE, "[    0.0] x\n")]);
        assert_eq!(heard(b"[] x\n[a]x\n"), [pair(FIRMWARE, "[] x\n[a]x\n")]);
        let too_long = format!("[{}] x\n", "n".repeat(LONGEST_NAME + 1));
        assert_eq!(heard(too_long.as_bytes()), [pair(FIRMWARE, &too_long)]);
    }

    #[test]
    fn the_escape_carries_its_own_bytes() {
        assert_eq!(heard(b"[a] \x1f\x5e\x1f\x5f\n"), [pair("a", "\x1e\x1f\n")]);
    }

    #[test]
    fn a_wire_that_was_handed_over_carries_the_heirs_bytes_as_they_are() {
        let mut demultiplexer = Demultiplexer::with_heir("linux");
        let wire = b"[bulkhead] linux has the console from here on\r\n\x1e\x1f\r\n[rtos] \x1e\x1f\r\n# ";
        let said = sorted(demultiplexer.feed(wire).into_iter().map(|chunk| (chunk.source, chunk.bytes)));
        assert_eq!(said["bulkhead"], b"linux has the console from here on\r\n");
        assert_eq!(said["linux"], b"[rtos] \x1e\x1f\r\n# ");
        assert_eq!(said.len(), 2);
    }
}
