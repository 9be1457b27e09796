//! One file for each command that is more than a line.
//!
//! Everything that could be asked of a library is in the library; here is what a person types and reads.

pub(crate) mod lock;
