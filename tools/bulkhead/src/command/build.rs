//! `bulkhead build`: the image of a system, as its firmware wants it.

use crate::{Messages, Stop, System, host, write};
use bulkhead::package::{Package, Purpose};
use std::fs;
use std::path::{Path, PathBuf};

/// Of what, for what, and where to.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    system: System,
    /// Wrap it for this way to start it
    #[arg(long = "for", value_enum, value_name = "PURPOSE", default_value_t = Purpose::Image)]
    purpose: Purpose,
    /// Write it there (default: `bulkhead` with the purpose's ending)
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    #[command(flatten)]
    messages: Messages,
}

/// Builds the system and writes what starts it.
pub(crate) fn build(arguments: &Arguments) -> Result<(), Stop> {
    let Arguments { system, purpose, output, messages } = arguments;
    let built = messages.of(system.build_with_warnings())?;
    let output = output.as_deref().unwrap_or(Path::new(purpose.default_output()));
    let unmade = |why: String| Stop { text: format!("error: the package cannot be made: {why}"), code: 1 };
    let payload = built.payload().map_err(|why| unmade(why.to_string()))?;
    let bytes = match purpose.package(&payload).map_err(unmade)? {
        Package::File(file) => {
            write(output, &file)?;
            file.len()
        }
        Package::Folder(files) => {
            fs::create_dir_all(output)
                .map_err(|error| host(&format!("making `{}`", output.display()), &error))?;
            files.iter().try_for_each(|(name, file)| write(&output.join(name), file))?;
            files.iter().map(|(_, file)| file.len()).sum()
        }
    };
    let leaves = built.proof.leaves;
    let home = built.home().map_or_else(String::new, |home| {
        format!(", in place when loaded at {home:#x}: from anywhere else all of it moves there first")
    });
    let verdict = format!("{}: {bytes} bytes, {leaves} mappings proven{home}\n", output.display());
    let next = purpose.next(&payload, &output.display().to_string());
    messages.show(&built.findings().without_notes(), &(verdict + &next))
}
