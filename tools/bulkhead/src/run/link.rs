//! One end of a wire to QEMU: a serial port's socket, or QEMU's standard error.
//!
//! The socket is ours before QEMU starts, so nothing that a guest says is lost, and QEMU connects to it.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    os::{
        fd::AsFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::Path,
    process::ChildStderr,
};

use rustix::{
    event::{PollFd, PollFlags},
    io::ioctl_fionbio,
};

use super::{
    demultiplexer::{Chunk, Demultiplexer},
    session::QEMU,
};

/// A wire, who speaks on it, and what is still to be typed.
#[derive(Debug)]
pub(super) struct Link {
    end: End,
    speaker: Speaker,
    unsent: VecDeque<u8>,
}

#[derive(Debug)]
enum End {
    /// QEMU has not connected yet.
    Waiting(UnixListener),
    Serial(UnixStream),
    Complaints(ChildStderr),
    Closed,
}

#[derive(Debug)]
enum Speaker {
    Many(Demultiplexer),
    /// Many, until it is this one's.
    Later(Demultiplexer, String),
    One(String),
}

impl Link {
    /// The shared console.
    pub(super) fn shared(path: &Path) -> io::Result<Self> {
        Self::waiting(path, Speaker::Many(Demultiplexer::default()))
    }

    /// The shared console, which a partition gets later.
    pub(super) fn inherited(path: &Path, heir: &str) -> io::Result<Self> {
        Self::waiting(path, Speaker::Later(Demultiplexer::with_heir(heir), heir.to_owned()))
    }

    /// The UART of a partition.
    pub(super) fn partition(path: &Path, name: &str) -> io::Result<Self> {
        Self::waiting(path, Speaker::One(name.to_owned()))
    }

    /// QEMU's standard error.
    pub(super) fn complaints(stderr: ChildStderr) -> io::Result<Self> {
        ioctl_fionbio(&stderr, true)?;
        Ok(Self::new(End::Complaints(stderr), Speaker::One(QEMU.to_owned())))
    }

    pub(super) fn is_complaints(&self) -> bool {
        matches!(&self.speaker, Speaker::One(name) if name == QEMU)
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.end, End::Closed)
    }

    /// Whether what is typed here reaches this partition.
    pub(super) fn hears_for(&self, partition: &str) -> bool {
        let is_it = |name: &String| name == partition;
        let has_it = matches!(&self.speaker, Speaker::One(name) | Speaker::Later(_, name) if is_it(name));
        !self.is_complaints() && has_it
    }

    pub(super) fn type_in(&mut self, text: &[u8]) {
        self.unsent.extend(text);
    }

    pub(super) fn has_typed_all(&self) -> bool {
        self.unsent.is_empty()
    }

    /// What to wait for; `None` when the wire is gone.
    pub(super) fn poll_fd(&self) -> Option<PollFd<'_>> {
        let fd = match &self.end {
            End::Waiting(listener) => listener.as_fd(),
            End::Serial(stream) => stream.as_fd(),
            End::Complaints(stderr) => stderr.as_fd(),
            End::Closed => return None,
        };
        let typing = matches!(self.end, End::Serial(_)) && !self.unsent.is_empty();
        Some(PollFd::from_borrowed_fd(
            fd,
            if typing { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN },
        ))
    }

    /// Does what the wire is ready for; returns what was said.
    pub(super) fn serve(&mut self) -> io::Result<Vec<Chunk>> {
        match &mut self.end {
            End::Waiting(listener) => {
                let stream = match listener.accept() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Vec::new()),
                    connection => connection?.0,
                };
                stream.set_nonblocking(true)?;
                self.end = End::Serial(stream);
                Ok(Vec::new())
            }
            End::Serial(stream) => {
                if !type_some(stream, &mut self.unsent) {
                    self.unsent.clear();
                }
                self.read()
            }
            End::Complaints(_) => self.read(),
            End::Closed => Ok(Vec::new()),
        }
    }

    /// QEMU has ended: a connection that is not there by now will not come.
    pub(super) fn give_up_waiting(&mut self) -> io::Result<()> {
        if matches!(self.end, End::Waiting(_)) {
            self.serve()?;
        }
        if matches!(self.end, End::Waiting(_)) {
            self.end = End::Closed;
        }
        Ok(())
    }

    fn waiting(path: &Path, speaker: Speaker) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        Ok(Self::new(End::Waiting(listener), speaker))
    }

    fn new(end: End, speaker: Speaker) -> Self {
        Self { end, speaker, unsent: VecDeque::new() }
    }

    fn read(&mut self) -> io::Result<Vec<Chunk>> {
        let mut buffer = [0; 16384];
        let result = match &mut self.end {
            End::Serial(stream) => stream.read(&mut buffer),
            End::Complaints(stderr) => stderr.read(&mut buffer),
            End::Waiting(_) | End::Closed => return Ok(Vec::new()),
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Vec::new()),
            // A killed QEMU resets its sockets: that, too, is the end of the wire.
            Ok(0) | Err(_) => {
                self.end = End::Closed;
                Ok(Vec::new())
            }
            Ok(length) => Ok(self.speaker.say(&buffer[..length])),
        }
    }
}

impl Speaker {
    fn say(&mut self, bytes: &[u8]) -> Vec<Chunk> {
        match self {
            Self::Many(demultiplexer) | Self::Later(demultiplexer, _) => demultiplexer.feed(bytes),
            Self::One(name) => vec![Chunk { source: name.clone(), bytes: bytes.to_vec() }],
        }
    }
}

/// Writes what the wire takes; `false` when nobody reads any more.
fn type_some(stream: &mut UnixStream, unsent: &mut VecDeque<u8>) -> bool {
    let (front, _) = unsent.as_slices();
    if front.is_empty() {
        return true;
    }
    match stream.write(front) {
        Ok(length) => {
            unsent.drain(..length);
            true
        }
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}
