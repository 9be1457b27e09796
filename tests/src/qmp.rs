//! QEMU's machine protocol, as much of it as it takes to read memory.
//!
//! QEMU comes to us, and is spoken to once before its machine has much to do: QEMU 10.0 does not always answer who
//! connects to it while the machine's CPUs keep it busy.

use crate::{Context, Running};
use anyhow::{Context as _, Result, bail, ensure};
use bulkhead::system::Built;
use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Where a machine that is about to be started finds us.
pub(crate) struct Place {
    folder: TempDir,
    listener: UnixListener,
}

/// A connection with a machine that runs.
pub(crate) struct Qmp {
    folder: TempDir,
    stream: BufReader<UnixStream>,
}

/// How long QEMU may take to connect, and to answer: the machine's own CPUs come first on a busy host.
const PATIENCE: Duration = Duration::from_secs(300);

impl<'a> Context<'a> {
    /// Boots a built system with these further options of QEMU, and a connection to read its memory by.
    pub(crate) fn boot_watched(
        &'a self,
        name: &str,
        built: &Built,
        options: &[&str],
    ) -> Result<(Running<'a>, Qmp)> {
        let place = Place::new()?;
        let own = place.options();
        let options: Vec<&str> = options.iter().copied().chain(own.iter().map(String::as_str)).collect();
        Ok((self.boot_with(name, built, &options)?, place.meet()?))
    }
}

impl Place {
    /// One that nobody else uses.
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let listener = UnixListener::bind(folder.path().join("monitor"))?;
        listener.set_nonblocking(true)?;
        Ok(Self { folder, listener })
    }

    /// What QEMU is to be told.
    pub(crate) fn options(&self) -> [String; 2] {
        ["-qmp".into(), format!("unix:{}", self.folder.path().join("monitor").display())]
    }

    /// Waits for the machine, which has just been started, and says that it knows nothing special.
    pub(crate) fn meet(self) -> Result<Qmp> {
        let stream = self.accept().context("QEMU's monitor")?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut qmp = Qmp { folder: self.folder, stream: BufReader::new(stream) };
        let greeting = qmp.line().context("QEMU's greeting")?;
        ensure!(greeting.contains("\"QMP\""), "QEMU's greeting: {greeting}");
        qmp.command(r#"{"execute": "qmp_capabilities"}"#)?;
        Ok(qmp)
    }

    fn accept(&self) -> Result<UnixStream> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => return Ok(stream),
                Err(error) if error.kind() != ErrorKind::WouldBlock => bail!(error),
                Err(_) => ensure!(Instant::now() < end, "QEMU does not connect"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Qmp {
    /// The `size` bytes of physical memory from `address` on.
    pub(crate) fn read(&mut self, address: u64, size: u64) -> Result<Vec<u8>> {
        let file = self.file();
        let name = file.display();
        self.command(&format!(
            r#"{{"execute": "pmemsave", "arguments": {{"val": {address}, "size": {size}, "filename": "{name}"}}}}"#
        ))?;
        Ok(fs::read(file)?)
    }

    /// What memory goes through; its name has nothing to quote.
    fn file(&self) -> PathBuf {
        self.folder.path().join("memory")
    }

    /// What QEMU does, or refuses; events come in between.
    fn command(&mut self, command: &str) -> Result<()> {
        self.stream.get_mut().write_all(command.as_bytes())?;
        loop {
            let answer = self.line().with_context(|| format!("QEMU's answer to {command}"))?;
            if !answer.contains("\"event\"") {
                ensure!(answer.contains("\"return\""), "QEMU's answer to {command}: {answer}");
                return Ok(());
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.stream.read_line(&mut line)? > 0, "QEMU has hung up");
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn read(answer: &'static str) -> Result<Vec<u8>> {
        let place = Place::new()?;
        let [option, monitor] = place.options();
        let path = monitor.strip_prefix("unix:").filter(|_| option == "-qmp").context("a socket")?.to_owned();
        let qemu = thread::spawn(move || -> Result<()> {
            let mut stream = UnixStream::connect(path)?;
            stream.write_all(b"{\"QMP\": {}}\r\n{\"return\": {}}\r\n")?;
            stream.write_all(answer.as_bytes())?;
            std::io::copy(&mut stream, &mut std::io::sink())?;
            Ok(())
        });
        let outcome = place.meet().and_then(|mut qmp| {
            fs::write(qmp.file(), [1, 2])?;
            qmp.read(0, 2)
        });
        qemu.join().ok().context("it has panicked")??;
        outcome
    }

    #[test]
    fn an_event_is_no_answer() {
        assert_eq!(read("{\"event\": \"STOP\"}\r\n{\"return\": {}}\r\n").unwrap(), [1, 2]);
    }

    #[test]
    fn a_refusal_is_an_error() {
        let refused = read("{\"error\": {\"desc\": \"no such file\"}}\r\n").unwrap_err();
        assert!(refused.to_string().contains("no such file"), "{refused}");
    }
}
