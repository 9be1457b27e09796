//! `bulkhead header`: a partition's numbers, as source for what runs in it.

use crate::{Stop, System, say};
use bulkhead::header::{Format, header as source};

/// Whose numbers, and in which language.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    system: System,
    /// The partition
    partition: String,
    /// What to write
    #[arg(long, default_value = "c")]
    format: Format,
}

/// Prints the source.
pub(crate) fn header(arguments: &Arguments) -> Result<(), Stop> {
    let built = arguments.system.build()?;
    let text = source(built.map(), &arguments.partition, arguments.format).ok_or_else(|| {
        let known = built.partitions.join(", ");
        Stop {
            text: format!("error: there is no partition `{}`; there is {known}", arguments.partition),
            code: 2,
        }
    })?;
    say(&text)?;
    Ok(())
}
