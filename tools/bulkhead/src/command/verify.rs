//! `bulkhead verify`: proves an image from its bytes alone.
//!
//! The proof is that of `build`, by the same crate, of a file that may come from anywhere.

use super::OfImage;
use crate::{Stop, read};
use bulkhead_verify::verify as prove;

/// Prints the proof of an image, and fails if there is none.
pub(crate) fn verify(arguments: &OfImage) -> Result<(), Stop> {
    let image = read(&arguments.image)?;
    let transcript = prove(&image);
    arguments.show(&transcript, &image, &transcript.faults)
}
