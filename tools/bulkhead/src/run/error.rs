//! Why a run did not end well.

use std::{fmt, io, path::PathBuf, process::ExitStatus, time::Duration};

/// A run that failed, or could not start.
#[derive(Debug)]
pub enum Error {
    /// QEMU is not installed.
    NoQemu {
        /// What was to be started.
        program: PathBuf,
    },
    /// The host refused something.
    Host {
        /// What was being done.
        doing: String,
        /// What the host said.
        source: io::Error,
    },
    /// A partition without a UART of its own cannot be typed to.
    Deaf {
        /// The partition.
        partition: String,
    },
    /// There is no such console.
    Unknown {
        /// What was asked for.
        partition: String,
        /// The partitions that there are.
        partitions: Vec<String>,
    },
    /// A console did not say what was expected of it.
    Missed {
        /// The partition.
        partition: String,
        /// The pattern that did not match.
        pattern: String,
        /// Time since QEMU's start.
        after: Duration,
        /// How QEMU ended, if it did.
        ended: Option<ExitStatus>,
        /// The last lines of that console.
        tail: String,
    },
    /// QEMU was still running.
    Timeout {
        /// Time since QEMU's start.
        after: Duration,
    },
    /// QEMU ended with an error.
    Failed {
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to its standard error.
        complaint: String,
    },
    /// This process was told to end.
    Interrupted,
}

impl Error {
    /// The exit code of a command that fails by this error: 3 for a missing tool, 4 for a failed run.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoQemu { .. } => 3,
            Self::Deaf { .. } | Self::Unknown { .. } => 2,
            _ => 4,
        }
    }

    pub(super) fn host(doing: &str, source: impl Into<io::Error>) -> Self {
        Self::Host { doing: doing.to_owned(), source: source.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoQemu { program } => {
                write!(f, "`{}` is not installed; `cargo xtask setup` installs it", program.display())
            }
            Self::Unknown { partition, partitions } => {
                write!(f, "there is no console `{partition}`: the partitions are {}", partitions.join(", "))
            }
            Self::Host { doing, source } => write!(f, "{doing}: {source}"),
            Self::Deaf { partition } => {
                write!(f, "`{partition}` has no UART of its own, so nothing can be typed to it")
            }
            Self::Missed { partition, pattern, after, ended, tail } => {
                let after = after.as_secs_f64();
                write!(f, "`{partition}` did not say `{pattern}` ")?;
                match ended {
                    Some(status) => write!(f, "before QEMU ended ({status}, after {after:.1} s)")?,
                    None => write!(f, "within {after:.1} s of QEMU's start")?,
                }
                match tail.as_str() {
                    "" => write!(f, "; its console is empty"),
                    tail => write!(f, "; the end of its console:\n{tail}"),
                }
            }
            Self::Timeout { after } => write!(f, "QEMU was still running after {:.1} s", after.as_secs_f64()),
            Self::Failed { status, complaint } => {
                write!(f, "QEMU failed ({status}): {}", complaint.trim_end())
            }
            Self::Interrupted => write!(f, "interrupted"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Host { source, .. } => Some(source),
            _ => None,
        }
    }
}
