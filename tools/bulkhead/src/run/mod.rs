//! Runs an image in QEMU, with a person or a script at the keys.
//!
//! [`Session`] is one run of QEMU and belongs to whoever wants to look at it closely (the system tests);
//! [`run`] is what the commands do: show all consoles, pass keys on, or follow a script to its end.

mod demultiplexer;
mod display;
mod error;
mod interrupt;
mod keyboard;
mod link;
mod machine;
mod options;
mod session;
mod step;
mod terminal;
mod transcript;

use std::{
    env,
    io::{self, IsTerminal},
    net::{Ipv4Addr, TcpListener},
    path::Path,
    time::Instant,
};

use crate::aside::tell;
use display::{Display, Labels};
use keyboard::{Keyboard, Keys};

pub use demultiplexer::{Chunk, Demultiplexer, FIRMWARE};
pub use error::Error;
pub use machine::{Machine, Serial};
pub use options::{Options, Script};
pub use session::{QEMU, Session};
pub use step::Step;

/// A run that ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every step of the script was done.
    Seen,
    /// QEMU ended by itself.
    Ended,
    /// The person pressed the leaving key.
    Left,
}

/// Runs the machine until the script is done, QEMU ends, time is up or the person leaves.
///
/// `symbols` is the ELF file that a debugger is to read.
pub fn run(machine: &Machine, options: &Options, symbols: &Path) -> Result<Outcome, Error> {
    if let Some(step) = options.script.0.iter().find(|step| !machine.speaks(step.partition())) {
        let (partition, partitions) = (step.partition().to_owned(), machine.partitions.clone());
        return Err(Error::Unknown { partition, partitions });
    }
    let mut machine = machine.clone();
    machine.args.extend(options.extra.iter().cloned());
    if options.gdb {
        let port = free_port().map_err(|source| Error::host("finding a free port", source))?;
        machine.args.extend(["-gdb".into(), format!("tcp:127.0.0.1:{port}").into(), "-S".into()]);
        let here = env::current_dir().unwrap_or_default();
        let symbols = symbols.strip_prefix(here).unwrap_or(symbols);
        tell(&format!("gdb-multiarch {} -ex 'target remote :{port}'\n", symbols.display()));
    }
    let mut session = Session::start(&machine)?;
    let keyboard = keyboard(&machine, options)?;
    let mut display = Display::new(io::stdout().lock(), labels());
    let outcome = follow(&mut session, keyboard, options, &mut display);
    display.finish().map_err(|source| Error::host("showing the consoles", source))?;
    outcome
}

/// A script has the keys for itself; otherwise they go to one partition, if there is one that hears.
fn keyboard(machine: &Machine, options: &Options) -> Result<Option<Keyboard>, Error> {
    let wish = options.console.as_deref();
    if let Some(name) = wish.filter(|name| machine.listeners().all(|listener| listener != *name)) {
        return Err(Error::Deaf { partition: name.to_owned() });
    }
    if !options.script.0.is_empty() {
        return Ok(None);
    }
    let partition = wish.or_else(|| machine.listeners().next());
    Keyboard::open(partition).map(Some).map_err(|source| Error::host("taking the terminal", source))
}

fn follow(
    session: &mut Session,
    mut keyboard: Option<Keyboard>,
    options: &Options,
    display: &mut Display<impl io::Write>,
) -> Result<Outcome, Error> {
    let deadline = options.timeout.map(|timeout| session.started() + timeout);
    let mut steps = options.script.0.as_slice();
    let scripted = !steps.is_empty();
    loop {
        steps = take_steps(session, steps)?;
        if scripted && steps.is_empty() && session.has_typed_all() {
            return Ok(Outcome::Seen);
        }
        if session.status().is_some() || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return verdict(session, steps.first());
        }
        let heard = session.pump(deadline, keyboard.as_ref().and_then(Keyboard::fd))?;
        display.show(&heard.chunks).map_err(|source| Error::host("showing the consoles", source))?;
        let keys = keyboard.as_mut().filter(|_| heard.keys).map(Keyboard::read);
        match keys {
            Some(Keys::Leave) => return Ok(Outcome::Left),
            Some(Keys::Typed { partition, text }) => session.send(partition, &text)?,
            Some(Keys::None) | None => {}
        }
    }
}

/// Does all that can be done now; returns what is left.
fn take_steps<'a>(session: &mut Session, steps: &'a [Step]) -> Result<&'a [Step], Error> {
    let mut left = steps;
    while let [next, rest @ ..] = left {
        match next {
            Step::Send { partition, text } => session.send(partition, text)?,
            Step::Expect { partition, pattern } if session.find(partition, pattern).is_none() => break,
            Step::Expect { .. } => {}
        }
        left = rest;
    }
    Ok(left)
}

/// What it means that QEMU ended, or time is up, before the script was done.
fn verdict(session: &Session, next: Option<&Step>) -> Result<Outcome, Error> {
    match (next, session.status()) {
        (Some(Step::Expect { partition, pattern }), _) => Err(session.missed(partition, pattern)),
        (_, None) => Err(session.timeout()),
        (_, Some(status)) if status.success() => Ok(Outcome::Ended),
        (_, Some(status)) => Err(session.failed(status)),
    }
}

fn labels() -> Labels {
    let wished = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if wished && io::stdout().is_terminal() { Labels::Coloured } else { Labels::Plain }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
