//! The second opinion: whom an image lets reach what, from the image's bytes alone.
//!
//! `bulkhead build` proves every image by this crate before it writes the file, and `bulkhead verify` does so
//! for a file from anywhere. It knows the form of the plan (`bulkhead-plan`) and how tables are walked
//! (`bulkhead-core`), the same code that EL2 runs; Cargo keeps everything else away from it: no
//! configuration, no device tree, no allocator, no writer of tables.

#![forbid(unsafe_code)]

mod disjoint;
mod examine;
mod text;
mod transcript;
mod walk;

pub use examine::{Examined, PlanBytes, digest, examine, hypervisor_digest, in_window, prove_image};
pub use transcript::{Digest, Mapping, Own, Part, PartitionProof, Piece, Stretch, Transcript, verify};
