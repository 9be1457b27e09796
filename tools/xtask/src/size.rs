//! `cargo xtask size`: how big the hypervisor is, in code, in memory and in lines.
//!
//! Counted from what is built and planned, so the figures are those of the image that is flashed: `linux` on
//! the four CPUs of `qemu-virt`.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use bulkhead::{
    size::text,
    system::{Built, Options, build, locate},
};

use crate::{
    build as firmware,
    failure::Failure,
    fetch,
    setup::{self, Install, Tool},
    workspace::{images, root},
};

/// How to print the figures.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print what is to be installed instead
    #[arg(long)]
    no_install: bool,
}

/// The crates whose lines are counted, with the files that make them.
const CRATES: [(&str, &[&str]); 4] = [
    ("plan", &["hypervisor/plan/src"]),
    ("core", &["hypervisor/core/src"]),
    ("hypervisor", &["hypervisor/src", "hypervisor/hypervisor.ld"]),
    ("bulkhead", &["tools/bulkhead/src", "tools/verify/src"]),
];

/// Prints the figures.
pub(crate) fn size(arguments: &Arguments) -> Result<(), Failure> {
    let install = Install::unless(arguments.no_install);
    setup::provide(&[Tool::Rust, Tool::FileSystem], install)?;
    firmware::build()?;
    fetch::linux(fetch::KERNEL_PACKAGE, install)?;
    let built = linux()?;
    let binary = images().join("bulkhead.elf");
    let text =
        text(&binary).ok_or_else(|| Failure::missing(format!("{}: no code in it", binary.display())))?;
    let mut lines = Vec::new();
    for (name, places) in CRATES {
        let mut sum = 0;
        for place in places {
            sum += lines_below(&root().join(place))?;
        }
        lines.push((name, sum));
    }
    if arguments.json {
        let lines: Vec<String> = lines.iter().map(|(name, count)| format!("\"{name}\": {count}")).collect();
        println!(
            "{{\"text\": {text}, \"el2_ram\": {}, \"image_store\": {}, \"lines\": {{{}}}}}",
            built.size.el2_ram,
            built.size.image_store,
            lines.join(", ")
        );
        return Ok(());
    }
    println!("{:>12}  bytes of code in the hypervisor", text);
    println!("{:>12}  bytes of RAM that EL2 keeps: `linux`, 4 CPUs", built.size.el2_ram);
    println!("{:>12}  bytes of guest images kept beside it, pristine", built.size.image_store);
    for (name, count) in lines {
        println!("{count:>12}  lines in `{name}`, without blanks, comments and tests");
    }
    Ok(())
}

fn linux() -> Result<Built, Failure> {
    let path = locate("qemu-virt/linux")?;
    let options = Options { images: vec![images()], ..Options::default() };
    Ok(build(&path, &options)?)
}

fn lines_below(place: &Path) -> Result<usize, Failure> {
    let texts = texts_below(place)?;
    let tests: Vec<PathBuf> = texts.iter().flat_map(|(path, text)| tests_of(path, text)).collect();
    Ok(texts.iter().filter(|(path, _)| !tests.contains(path)).map(|(_, text)| lines(text)).sum())
}

fn texts_below(place: &Path) -> Result<Vec<(PathBuf, String)>, Failure> {
    if place.is_file() {
        let text = fs::read_to_string(place).map_err(Failure::about(place))?;
        return Ok(vec![(place.to_owned(), text)]);
    }
    let entries = fs::read_dir(place).map_err(Failure::about(place))?;
    let texts: Result<Vec<_>, _> = entries.flatten().map(|entry| texts_below(&entry.path())).collect();
    Ok(texts?.into_iter().flatten().collect())
}

/// The files of modules that `text`, the file at `path`, has for its tests only.
fn tests_of(path: &Path, text: &str) -> Vec<PathBuf> {
    let folder = match path.file_name().and_then(OsStr::to_str) {
        Some("lib.rs" | "main.rs" | "mod.rs") => path.with_file_name(""),
        _ => path.with_extension(""),
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_of_tests = |line: &str| line == "#[cfg(test)]" || line.starts_with("#[cfg(any(test, ");
    let modules = lines.windows(2).filter(|pair| is_of_tests(pair[0])).filter_map(|pair| {
        let declaration = pair[1].strip_suffix(';')?;
        declaration.split_once("mod ").map(|(_, name)| folder.join(name).with_extension("rs"))
    });
    modules.collect()
}

/// Lines that are neither blank nor comment nor part of the tests at a file's end.
fn lines(text: &str) -> usize {
    let mut count = 0;
    let mut in_comment = false;
    let mut lines = text.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("#[cfg(test)]")
            && lines.peek().is_some_and(|next| next.contains("mod ") && next.ends_with('{'))
        {
            break;
        }
        in_comment |= line.starts_with("/*");
        let is_code = !line.is_empty() && !line.starts_with("//") && !in_comment;
        in_comment &= !line.ends_with("*/");
        count += usize::from(is_code);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_tests_is_known_by_its_declaration() {
        let text = "#[cfg(test)]\nmod model;\nmod other;\n#[cfg(test)]\npub(crate) mod tests;\n\
                    #[cfg(any(test, feature = \"sample\"))]\npub mod sample;\n";
        let expected = ["model", "tests", "sample"].map(|name| Path::new("src/power").join(name));
        assert_eq!(tests_of(Path::new("src/power.rs"), text), expected.map(|path| path.with_extension("rs")));
        assert_eq!(tests_of(Path::new("src/lib.rs"), text)[0], Path::new("src/model.rs"));
    }

    #[test]
    fn blanks_comments_and_tests_do_not_count() {
        let text = "//! What.\n\n/* a\n b */\nfn f() {} // why\n    // no\n#[cfg(test)]\nuse x;\n#[cfg(test)]\nmod tests {\n    fn g() {}\n}\n";
        assert_eq!(lines(text), 3);
    }
}
