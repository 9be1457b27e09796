//! What the addresses in a log are: whose, which device, which function.
//!
//! A person who reads `FAR 0x41400000` wants to know whose memory that is. A line says by its label whose
//! addresses are in it: those of a partition are its own, the hypervisor's are physical, unless it speaks
//! of a partition. [`Decoder::annotate`] is a pure function of the line.

mod dump;
mod owners;
mod symbols;
mod syndrome;

use bulkhead_plan::Plan;
use bulkhead_verify::examine;
use owners::{Owners, Space};
use regex::Regex;
use symbols::Symbols;

pub use dump::log_of;

/// Numbers that can be addresses: with a prefix, or as wide as a dump of registers writes them.
const NUMBER: &str = r"\b(?:0x([0-9a-fA-F]{1,16})|([0-9a-fA-F]{12,16}))\b";
/// Numbers below are counts more often than addresses.
const LOWEST: u64 = 0x1_0000;

/// Knows what addresses mean on one board.
#[derive(Debug)]
pub struct Decoder<'a> {
    number: Regex,
    owners: Owners,
    symbols: Option<Symbols<'a>>,
    partition: Option<Space>,
}

impl<'a> Decoder<'a> {
    /// A decoder for logs of `image`; `hypervisor` is the ELF file of the hypervisor in it, and `partition`
    /// the one whose log it is where a line does not say. An error says which of them is of no use.
    pub fn new(image: &[u8], hypervisor: Option<&'a [u8]>, partition: Option<&str>) -> Result<Self, String> {
        let examined = examine(image);
        let unreadable = || examined.faults.first().cloned().unwrap_or_default();
        let plan = examined.plan.as_ref().and_then(|bytes| Plan::decode(bytes.bytes()).ok());
        let plan = plan.ok_or_else(|| format!("the image cannot be read: {}", unreadable()))?;
        let owners = Owners::new(image, &plan);
        let partition = match partition {
            Some(name) => {
                Some(owners.space_of(name).ok_or_else(|| format!("the image has no partition `{name}`"))?)
            }
            None => None,
        };
        let symbols = match hypervisor {
            Some(elf) => Some(Symbols::read(elf, image, plan.board.window.base.0)?),
            None => None,
        };
        let number = Regex::new(NUMBER).map_err(|error| error.to_string())?;
        Ok(Self { number, owners, symbols, partition })
    }

    /// The line with what is known of each address in angle brackets behind it.
    pub fn annotate(&self, line: &str) -> String {
        let space = self.space(line);
        let mut annotated = String::new();
        let mut copied = 0;
        for found in self.number.captures_iter(line) {
            let Some(digits) = found.get(1).or(found.get(2)) else { continue };
            let before = &line[..digits.start()];
            let meaning = u64::from_str_radix(digits.as_str(), 16)
                .ok()
                .and_then(|it| syndrome::words(before, it).or_else(|| self.meaning(it, space)));
            if let Some(meaning) = meaning {
                annotated.push_str(&line[copied..digits.end()]);
                annotated.push_str(&format!(" <{meaning}>"));
                copied = digits.end();
            }
        }
        annotated.push_str(&line[copied..]);
        annotated
    }

    /// Whose addresses are in a line.
    fn space(&self, line: &str) -> Space {
        let (speaker, said) = match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
            Some((speaker, said)) => (Some(speaker), said),
            None => (None, line),
        };
        let subject = said.split_once(':').and_then(|(subject, _)| self.owners.space_of(subject));
        match speaker {
            Some("bulkhead") => subject.unwrap_or(Space::Physical),
            Some(name) => self.owners.space_of(name).unwrap_or(Space::Physical),
            None => self.partition.unwrap_or(Space::Physical),
        }
    }

    fn meaning(&self, address: u64, space: Space) -> Option<String> {
        if address < LOWEST {
            return None;
        }
        let symbol = |address| self.symbols.as_ref()?.at(address);
        if let Some(symbol) = symbol(address) {
            return Some(symbol);
        }
        let owner = self.owners.at(address, space)?;
        let code = self.symbols.as_ref().and_then(|symbols| symbols.seen_from_el2(address)).and_then(symbol);
        match code.filter(|_| space == Space::Physical) {
            Some(code) => Some(format!("{owner}: {code}")),
            None => Some(owner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{Options, build};
    use proptest::{prop_assert, prop_assert_eq, proptest};
    use std::path::{Path, PathBuf};

    thread_local! {
        static THREE: Decoder<'static> = decoder("three");
    }

    fn annotated(line: &str) -> String {
        THREE.with(|decoder| decoder.annotate(line))
    }

    /// The line as it was before it was annotated.
    fn plain(annotated: &str) -> String {
        Regex::new(" <[^<>]*>").unwrap().replace_all(annotated, "").into_owned()
    }

    fn tests() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
    }

    fn image(system: &str) -> Vec<u8> {
        let options = Options { images: vec![tests().join("images")], ..Options::default() };
        build(&tests().join(format!("accept/{system}.toml")), &options).unwrap().image
    }

    fn decoder(system: &str) -> Decoder<'static> {
        Decoder::new(&image(system), None, None).unwrap()
    }

    #[test]
    fn the_hypervisor_speaks_of_physical_addresses() {
        assert_eq!(
            annotated("[bulkhead] FAR 0x41400010, not 0x1234"),
            "[bulkhead] FAR 0x41400010 <second: RAM + 0x10>, not 0x1234"
        );
        assert_eq!(
            annotated("[bulkhead] at 0x9000018"),
            "[bulkhead] at 0x9000018 <bulkhead: console + 0x18>"
        );
    }

    #[test]
    fn a_partition_speaks_of_its_own_addresses() {
        assert_eq!(
            annotated("[second] pc 0000000040000010"),
            "[second] pc 0000000040000010 <second: arm64 Image, loaded + 0x10>"
        );
        assert_eq!(
            annotated("[bulkhead] second: begins at 0x40e00000"),
            "[bulkhead] second: begins at 0x40e00000 <second: device tree, loaded>"
        );
        assert_eq!(annotated("[third] 0x9000018"), "[third] 0x9000018 <third: virtual PL011 + 0x18>");
    }

    #[test]
    fn what_a_partition_does_not_have_is_looked_for_on_the_board() {
        assert_eq!(annotated("[third] 0x41400000"), "[third] 0x41400000 <physical: second: RAM>");
    }

    #[test]
    fn a_device_is_named_by_its_path() {
        let line = decoder("kernel").annotate("0xa003e50 and 0x9040000");
        assert_eq!(
            line,
            "0xa003e50 <kernel: /virtio_mmio@a003e00 + 0x50> and 0x9040000 <kernel: /pl011@9040000>"
        );
    }

    #[test]
    fn an_address_of_the_hypervisor_is_a_place_in_a_function() {
        let elf = std::fs::read(tests().join("images/bulkhead.elf")).unwrap();
        let decoder = Decoder::new(&image("three"), Some(&elf), None).unwrap();
        let line = "[bulkhead] ELR 0xffff00000088, from 0xffff00000010, not 0xffff000000c0";
        assert_eq!(plain(&decoder.annotate(line)), line);
        let named = decoder.annotate(line);
        assert!(named.contains("88 <vectors + 0x8>") && named.contains("10 <entry + 0x10>"), "{named}");
        assert_eq!(
            decoder.annotate("pc 0x40200084"),
            "pc 0x40200084 <bulkhead: window + 0x84: vectors + 0x4>"
        );
    }

    proptest! {
        #[test]
        fn any_line_is_answered(line in ".*") {
            prop_assert!(annotated(&line).len() >= line.len());
        }

        #[test]
        fn annotations_are_all_that_is_added(label in "[a-z]{0,9}", number in 0_u64.., text in "[^<>]*") {
            for line in [format!("[{label}] {text} {number:#x}"), format!("{label}: {number:016x} {text}")] {
                prop_assert_eq!(plain(&annotated(&line)), line);
            }
        }

        #[test]
        fn every_byte_of_a_partitions_memory_is_known(offset in 0_u64..16 << 20) {
            let line = format!("[second] {:#x}", 0x4000_0000 + offset);
            prop_assert!(annotated(&line).contains("<second: "));
        }
    }
}
