//! `bulkhead why`: whose something is, and by which line.

use super::print_json;
use crate::{Stop, System, say};
use bulkhead::why::{question, why as answer};

/// What is asked of which system.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    system: System,
    /// An address (0x9000000), an interrupt (irq 40, spi 8), a CPU (cpu 2) or a device (/pl011@9000000)
    #[arg(value_name = "WHAT", required = true)]
    question: Vec<String>,
    /// As one JSON document
    #[arg(long)]
    json: bool,
}

/// Prints the answer.
pub(crate) fn why(arguments: &Arguments) -> Result<(), Stop> {
    let asked = question(&arguments.question.join(" "));
    let asked = asked.map_err(|why| Stop { text: format!("error: {why}"), code: 2 })?;
    let built = arguments.system.build()?;
    let answer = answer(built.map(), &asked);
    if arguments.json {
        return print_json(&answer);
    }
    say(&built.draw(&answer))?;
    Ok(())
}
