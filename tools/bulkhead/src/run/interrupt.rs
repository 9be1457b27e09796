//! Notices when this process is told to end, so that QEMU and the terminal can be put in order first.
//!
//! One pipe for the whole process: a signal writes a byte, nobody ever reads it. So once a signal came,
//! every session of every thread finds the pipe readable, and so do those that start later.

use std::{io, os::unix::net::UnixStream, sync::OnceLock};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    low_level::pipe,
};

static PIPE: OnceLock<UnixStream> = OnceLock::new();

/// Becomes readable, for good, when this process is told to end.
pub(super) fn pipe() -> io::Result<&'static UnixStream> {
    if PIPE.get().is_none() {
        let (ours, signals) = UnixStream::pair()?;
        if PIPE.set(ours).is_ok() {
            for signal in [SIGINT, SIGTERM, SIGHUP] {
                pipe::register(signal, signals.try_clone()?)?;
            }
        }
    }
    PIPE.get().ok_or_else(|| io::Error::other("no pipe for signals"))
}
