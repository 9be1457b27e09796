//! QEMU's machine protocol, as much of it as it takes to dump memory.

use anyhow::{Context as _, Result, ensure};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A connection.
pub(crate) struct Qmp(BufReader<UnixStream>);

/// QEMU's options for a connection at this socket.
pub(crate) fn options(socket: &Path) -> [String; 2] {
    ["-qmp".into(), format!("unix:{},server=on,wait=off", socket.display())]
}

impl Qmp {
    /// Connects, and says that it knows nothing special.
    pub(crate) fn connect(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket).with_context(|| socket.display().to_string())?;
        // Long: the machine's own CPUs come first on a busy host.
        stream.set_read_timeout(Some(Duration::from_secs(300)))?;
        let mut qmp = Self(BufReader::new(stream));
        let greeting = qmp.line()?;
        ensure!(greeting.contains("\"QMP\""), "QEMU's greeting: {greeting}");
        qmp.command(r#"{"execute": "qmp_capabilities"}"#)?;
        Ok(qmp)
    }

    /// Writes `size` bytes of physical memory from `address` on to a file, whose name has nothing to quote.
    pub(crate) fn dump(&mut self, address: u64, size: u64, file: &Path) -> Result<()> {
        let file = file.display();
        self.command(&format!(
            r#"{{"execute": "pmemsave", "arguments": {{"val": {address}, "size": {size}, "filename": "{file}"}}}}"#
        ))
    }

    /// What QEMU does, or refuses; events come in between.
    fn command(&mut self, command: &str) -> Result<()> {
        self.0.get_mut().write_all(command.as_bytes())?;
        loop {
            let answer = self.line()?;
            if !answer.contains("\"event\"") {
                ensure!(answer.contains("\"return\""), "QEMU's answer to {command}: {answer}");
                return Ok(());
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.0.read_line(&mut line)? > 0, "QEMU has hung up");
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn dumped(answer: &'static str) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("qmp");
        let listener = std::os::unix::net::UnixListener::bind(&socket)?;
        let qemu = thread::spawn(move || -> Result<()> {
            let (mut stream, _) = listener.accept()?;
            stream.write_all(b"{\"QMP\": {}}\r\n{\"return\": {}}\r\n")?;
            stream.write_all(answer.as_bytes())?;
            std::io::copy(&mut stream, &mut std::io::sink())?;
            Ok(())
        });
        let outcome = Qmp::connect(&socket).and_then(|mut qmp| qmp.dump(0, 1, Path::new("file")));
        qemu.join().ok().context("it has panicked")??;
        outcome
    }

    #[test]
    fn an_event_is_no_answer() {
        dumped("{\"event\": \"STOP\"}\r\n{\"return\": {}}\r\n").unwrap();
    }

    #[test]
    fn a_refusal_is_an_error() {
        let refused = dumped("{\"error\": {\"desc\": \"no such file\"}}\r\n").unwrap_err();
        assert!(refused.to_string().contains("no such file"), "{refused}");
    }
}
