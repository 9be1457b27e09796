//! What is written after the plugin's name: `out=PATH,vectors=ADDRESS[,guest=on]`.

use std::path::PathBuf;

/// The options of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Where the report goes.
    pub(crate) out: PathBuf,
    /// Where the vectors of EL2 are; without it, entries are not told apart.
    pub(crate) vectors: Option<u64>,
    /// Whether to count below EL2 too.
    pub(crate) guest: bool,
}

impl Options {
    /// Reads the options, each `key=value`.
    pub(crate) fn read<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut options = Self::default();
        for text in texts {
            match text.split_once('=') {
                Some(("out", path)) => options.out = path.into(),
                Some(("vectors", address)) => options.vectors = Some(hexadecimal(address)?),
                Some(("guest", "on")) => options.guest = true,
                _ => return Err(format!("`{text}` is not an option; there are out=, vectors= and guest=on")),
            }
        }
        if options.out.as_os_str().is_empty() { Err("out=PATH is missing".to_owned()) } else { Ok(options) }
    }
}

fn hexadecimal(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").unwrap_or_default();
    u64::from_str_radix(digits, 16).map_err(|_| format!("`{text}` is not an address like 0x1000"))
}
