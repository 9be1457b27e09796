//! `bulkhead inspect`: what is in an image.
//!
//! From its bytes alone, and a damaged one as far as it can be read.

use super::OfImage;
use crate::{Stop, read};
use bulkhead::inspect::inspect as take_apart;

/// Prints what is in an image, and fails if something is wrong with it.
pub(crate) fn inspect(arguments: &OfImage) -> Result<(), Stop> {
    let image = read(&arguments.image)?;
    let contents = take_apart(&image);
    arguments.show(&contents, &image, &contents.faults)
}
