//! The transcripts in `docs/first-board.md` and `docs/porting.md`, done again by their reader.
//!
//! They are about boards that nothing in this repository was written for, so they run where device trees of such
//! boards were fetched. A `toml` block is a file, whose first line is its path; a `diff` block is an edit of
//! one; a `console` block is what `trycmd` understands. `BLESS=1 TRYCMD=overwrite` writes what is said.

use crate::Context;
use anyhow::{Context as _, Result, bail, ensure};
use regex::{Captures, Regex};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use trycmd::TestCases;

/// A document, and the tree that it is about in the folder of fetched ones.
struct Transcript {
    document: &'static str,
    tree: &'static str,
}

const FIRST_BOARD: Transcript =
    Transcript { document: "docs/first-board.md", tree: "freescale/fsl-lx2160a-rdb.dtb" };
const PORTING: Transcript =
    Transcript { document: "docs/porting.md", tree: "freescale/imx8mm-beacon-kit.dtb" };

/// Stands in for Cargo where a document says `cargo bulkhead`.
const PROGRAMS: &str = "tools/bulkhead/tests/programs";

/// Does what the document about a first use says.
pub(super) fn first_board(context: &Context<'_>) -> Result<()> {
    transcript(context, &FIRST_BOARD)
}

/// Does what the document about porting says.
pub(super) fn porting(context: &Context<'_>) -> Result<()> {
    transcript(context, &PORTING)
}

/// Does what a document says, block by block.
fn transcript(context: &Context<'_>, transcript: &Transcript) -> Result<()> {
    let desk = Desk::new(context, transcript)?;
    let document = context.root.join(transcript.document);
    let text = fs::read_to_string(&document)?;
    let block = Regex::new(r"(?ms)^```(\w+)\n(.*?)^```\n")?;
    let mut done = String::new();
    let mut told = 0;
    for found in block.captures_iter(&text) {
        let place = found.get(0).context("a block")?;
        done += &text[told..place.start()];
        done += &desk.follow(&found)?;
        told = place.end();
    }
    done += &text[told..];
    if env::var_os("BLESS").is_some() {
        fs::write(&document, done)?;
    }
    Ok(())
}

/// Where the reader of the document works.
struct Desk {
    /// A block of commands.
    case: PathBuf,
    /// The folder in which `trycmd` runs those.
    folder: PathBuf,
    /// Where programs are looked for.
    path: OsString,
    /// The folder of what was built.
    target: PathBuf,
}

impl Desk {
    fn new(context: &Context<'_>, transcript: &Transcript) -> Result<Self> {
        let scratch = context.scratch(transcript.document)?;
        fs::remove_dir_all(&scratch)?;
        let (case, folder) = (scratch.join("block.md"), scratch.join("block.in"));
        fs::create_dir_all(folder.join("board-configs"))?;
        let tree = context.images.join("device-trees").join(transcript.tree);
        fs::copy(&tree, folder.join(tree.file_name().context("a name")?))
            .with_context(|| tree.display().to_string())?;
        let target = context.images.parent().context("a folder of builds")?.to_owned();
        let tool = tool(&context.root, &target)?;
        let path = env::join_paths([context.root.join(PROGRAMS), tool, "/bin".into()])?;
        Ok(Self { case, folder, path, target })
    }

    /// The block as it should be.
    fn follow(&self, block: &Captures<'_>) -> Result<String> {
        let (language, text) = (&block[1], &block[2]);
        match language {
            "toml" => {
                let path = text.lines().next().and_then(|line| line.strip_prefix("# "));
                fs::write(self.folder.join(path.context("a file without a path")?), text)?;
            }
            "diff" => self.edit(text)?,
            "console" => return self.say(&block[0]),
            other => bail!("a `{other}` block"),
        }
        Ok(block[0].to_owned())
    }

    /// Replaces the lines that an edit takes away or keeps by those that it keeps or adds.
    fn edit(&self, text: &str) -> Result<()> {
        let (path, lines) = edited(text).context("an edit of no file")?;
        let side = |other: char| -> String {
            let kept = lines.lines().filter(|line| !line.starts_with(other));
            kept.map(|line| format!("{}\n", line.get(1..).unwrap_or_default())).collect()
        };
        let (before, after) = (side('+'), side('-'));
        let path = self.folder.join(path);
        let text = fs::read_to_string(&path)?;
        ensure!(text.matches(&before).count() == 1, "{} has not exactly once:\n{before}", path.display());
        Ok(fs::write(&path, text.replace(&before, &after))?)
    }

    /// Runs the commands of a block; `trycmd` panics where they do not say what it shows.
    fn say(&self, block: &str) -> Result<String> {
        fs::write(&self.case, block)?;
        let path = self.path.to_str().context("paths that are text")?;
        let program = |name| env::split_paths(&self.path).map(|it| it.join(name)).find(|it| it.is_file());
        let cases = TestCases::new();
        for name in ["cargo", "cat"] {
            cases.register_bin(name, program(name).with_context(|| format!("`{name}` is needed"))?.as_path());
        }
        cases.env("PATH", path).env("CARGO_TARGET_DIR", self.target.to_str().context("a path that is text")?);
        cases.case(&self.case);
        cases.run();
        Ok(fs::read_to_string(&self.case)?)
    }
}

/// The folder with the tool, which is built first.
fn tool(root: &Path, target: &Path) -> Result<PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let status = cargo
        .args(["build", "--quiet", "--package", "bulkhead"])
        .current_dir(root)
        .env("CARGO_TARGET_DIR", target)
        .status()
        .context("starting Cargo")?;
    ensure!(status.success(), "the tool was not built");
    Ok(target.join("debug"))
}

/// The file of an edit, and its lines.
fn edited(text: &str) -> Option<(&str, &str)> {
    let (path, rest) = text.strip_prefix("--- ")?.split_once('\n')?;
    let (again, lines) = rest.strip_prefix("+++ ")?.split_once('\n')?;
    (path == again).then_some((path, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_names_one_file() {
        assert_eq!(edited("--- a\n+++ a\n-x\n+y\n"), Some(("a", "-x\n+y\n")));
        assert_eq!(edited("--- a\n+++ b\n-x\n"), None);
        assert_eq!(edited("-x\n"), None);
    }
}
