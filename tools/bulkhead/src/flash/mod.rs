//! Writes a file to a disk, and to the right one only.
//!
//! [`Host`] is what the kernel says of disks, [`decide`] a pure function that permits or refuses, and
//! [`Permit::write`] the only thing that writes: it takes what only [`decide`] makes.

mod decide;
mod host;
mod target;
mod write;

pub use decide::{Content, Permit, Reason, Request, decide};
pub use host::{Device, Host, Use, Used};
pub use target::Target;
pub use write::{Error, ReadBack, Step};
