//! What `dts` prints is source: `dtc` makes of it the tree that it was.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use support::workspace::{bulkhead, stderr, workspace};

/// A command line with all that needs an escape.
const LINE: &str = "ticks=20\trun=\"echo hi\" path=C:\\dir";

#[test]
fn a_command_line_with_quotes_is_printed_as_source() {
    let workspace = workspace();
    let text = format!(
        "[[partition]]\nname = \"first\"\nimage = \"guest.elf\"\ncpus = [0]\nmemory = \"4M\"\nbootargs = '{LINE}'\n"
    );
    fs::write(workspace.path().join("board-configs/one/quoted.toml"), text).unwrap();
    let output = bulkhead(workspace.path(), &["dts", "quoted", "first"]);
    let source = String::from_utf8(output.stdout.clone()).unwrap();
    let line = r#"bootargs = "ticks=20\trun=\"echo hi\" path=C:\\dir";"#;
    assert!(source.contains(line), "{}{source}", stderr(&output));
    if Path::new("/usr/bin/dtc").exists() {
        let (from, to) = (workspace.path().join("first.dts"), workspace.path().join("first.dtb"));
        fs::write(&from, source).unwrap();
        let dtc = Command::new("dtc").arg("-q").arg("-o").args([&to, &from]).output().unwrap();
        assert!(dtc.status.success(), "{}", stderr(&dtc));
        let kept = fs::read(to).unwrap().windows(LINE.len()).any(|it| it == LINE.as_bytes());
        assert!(kept, "the command line is another one");
    }
}
