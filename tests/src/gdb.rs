//! A debugger: as much of GDB's remote protocol as it takes to break a guest from outside.
//!
//! QEMU stops the machine when a debugger connects, and lets it go on when that detaches. No crate speaks the
//! client's side of the protocol for so little.

use anyhow::{Context as _, Result, bail, ensure};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A machine that stands still.
pub(crate) struct Debugger(UnixStream);

/// Where a CPU is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The address of its next instruction.
    pub(crate) pc: u64,
    /// Its PSTATE.
    pub(crate) pstate: u64,
}

/// QEMU's options for a debugger at this socket.
pub(crate) fn options(socket: &Path) -> [String; 4] {
    let device = format!("socket,id=debugger,path={},server=on,wait=off", socket.display());
    ["-chardev".into(), device, "-gdb".into(), "chardev:debugger".into()]
}

impl Debugger {
    /// Stops the machine.
    pub(crate) fn connect(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket).with_context(|| socket.display().to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self(stream))
    }

    /// Where CPU `index` is; what follows is about that CPU.
    pub(crate) fn place(&mut self, index: usize) -> Result<Place> {
        // QEMU calls CPU n thread n + 1.
        self.ask(&format!("Hg{:x}", index + 1))?;
        let registers = self.ask("g")?;
        // x0 to x30, SP and PC with 64 bits, CPSR with 32.
        let word = |number: usize, bytes: usize| -> Result<u64> {
            let digits = registers.get(number * 16..number * 16 + bytes * 2).context("too few registers")?;
            let value = u64::from_str_radix(digits, 16)?;
            Ok(value.swap_bytes() >> (64 - 8 * bytes))
        };
        Ok(Place { pc: word(32, 8)?, pstate: word(33, 4)? })
    }

    /// Writes instructions to where the CPU sees this address.
    pub(crate) fn write(&mut self, address: u64, instructions: &[u32]) -> Result<()> {
        let bytes = instructions.iter().flat_map(|word| word.to_le_bytes());
        let digits: String = bytes.map(|byte| format!("{byte:02x}")).collect();
        self.command(&format!("M{address:x},{:x}:{digits}", 4 * instructions.len()))
    }

    /// Flips bits of the byte at this physical address, whatever the CPUs see there.
    pub(crate) fn flip(&mut self, address: u64, bits: u8) -> Result<()> {
        self.command("Qqemu.PhyMemMode:1")?;
        let byte = self.ask(&format!("m{address:x},1"))?;
        let byte = u8::from_str_radix(&byte, 16).with_context(|| format!("reading {address:#x}: {byte}"))?;
        self.command(&format!("M{address:x},1:{:02x}", byte ^ bits))?;
        self.command("Qqemu.PhyMemMode:0")
    }

    /// Lets the machine go on.
    pub(crate) fn detach(mut self) -> Result<()> {
        self.command("D")
    }

    /// What QEMU does, or refuses.
    fn command(&mut self, packet: &str) -> Result<()> {
        let answer = self.ask(packet)?;
        ensure!(answer == "OK", "QEMU's answer to {packet}: {answer}");
        Ok(())
    }

    fn ask(&mut self, packet: &str) -> Result<String> {
        let sum = packet.bytes().fold(0_u8, u8::wrapping_add);
        self.0.write_all(format!("${packet}#{sum:02x}").as_bytes())?;
        let answer = self.packet().with_context(|| format!("QEMU's answer to {packet}"))?;
        self.0.write_all(b"+")?;
        Ok(answer)
    }

    /// The next packet, behind whatever acknowledges ours.
    fn packet(&mut self) -> Result<String> {
        while self.byte()? != b'$' {}
        let mut text = Vec::new();
        loop {
            match self.byte()? {
                b'#' => break,
                byte => text.push(byte),
            }
        }
        let digits = [self.byte()?, self.byte()?];
        let sum = text.iter().copied().fold(0_u8, u8::wrapping_add);
        if format!("{sum:02x}").as_bytes() != digits {
            bail!("a damaged packet");
        }
        Ok(String::from_utf8(text)?)
    }

    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        self.0.read_exact(&mut byte)?;
        Ok(byte[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// What QEMU says in this order, each after one question.
    fn qemu(answers: &'static [&'static str]) -> (Debugger, thread::JoinHandle<String>) {
        let (near, mut far) = UnixStream::pair().unwrap();
        let asked = thread::spawn(move || {
            let mut all = Vec::new();
            for answer in answers {
                let mut chunk = [0; 512];
                let length = far.read(&mut chunk).unwrap();
                all.extend(&chunk[..length]);
                far.write_all(answer.as_bytes()).unwrap();
                let mut acknowledgement = [0];
                far.read_exact(&mut acknowledgement).unwrap();
            }
            String::from_utf8(all).unwrap()
        });
        (Debugger(near), asked)
    }

    #[test]
    fn instructions_go_out_as_bytes() {
        let (mut debugger, asked) = qemu(&["+$OK#9a"]);
        debugger.write(0x4000, &[0xd503_3fdf]).unwrap();
        assert_eq!(asked.join().unwrap(), "$M4000,4:df3f03d5#0a");
    }

    #[test]
    fn a_bit_of_a_byte_is_flipped_where_no_cpu_sees_it() {
        let (mut debugger, asked) = qemu(&["+$OK#9a", "+$5a#96", "+$OK#9a", "+$OK#9a"]);
        debugger.flip(0x4020_0000, 0x80).unwrap();
        assert!(asked.join().unwrap().contains("$M40200000,1:da#"));
    }

    #[test]
    fn a_refusal_and_a_damaged_packet_are_errors() {
        let (mut debugger, asked) = qemu(&["+$E14#aa"]);
        assert!(debugger.write(0, &[]).unwrap_err().to_string().contains("E14"));
        asked.join().unwrap();
        let (near, mut far) = UnixStream::pair().unwrap();
        far.write_all(b"+$OK#00").unwrap();
        assert!(Debugger(near).detach().is_err());
    }
}
