//! Lives: every way to end one, in every state that makes it hard, and the beginning of the next.
//!
//! A life leaves traces of itself wherever it can, makes its CPUs hard to stop, and ends. The next one looks for the
//! traces: no byte of memory, no register, no interrupt of a former life is there. As no memory outlives a
//! life, the number of lives so far is kept in a register of the intruder's own device (boot argument
//! `notebook=ADDRESS`, a PL061), which nobody resets. Lives that do not end themselves are ended by the
//! partition that controls this one.

mod condition;
mod notebook;
mod occupation;
mod traces;
mod way;

use crate::plain::Plain;
use crate::tally::Tally;
use guest_rt::{Machine, println};
use notebook::Notebook;
use way::ways;

/// Whether this is the first life, or there are no others.
pub(crate) fn is_first(machine: &Machine) -> bool {
    Notebook::of(machine).is_none_or(|notebook| notebook.lives() == 0)
}

/// Looks at what the former life has left, and ends this one; comes back in the last.
pub(crate) fn attack(machine: &'static Machine) {
    let Some(notebook) = Notebook::of(machine) else { return };
    let plain = Plain::new();
    let lives = notebook.lives();
    if lives > 0 {
        // Whatever the former life was saying when it ended ends here.
        println!("");
        if let Some(found) = traces::look(&plain, machine) {
            println!("lifecycle: WRONG: life {lives} finds {found} of life {}", lives - 1);
            notebook.note_wrong();
        }
    }
    let number = usize::try_from(lives).unwrap_or(usize::MAX);
    let Some(way) = ways(machine).nth(number) else {
        let mut tally = Tally::new("lifecycle");
        tally.add(lives, lives.saturating_sub(notebook.wrong()));
        tally.report();
        return;
    };
    println!("life {lives}: {way}");
    traces::leave(machine);
    way.end(&plain, machine, &notebook);
    println!("lifecycle: WRONG: life {lives} goes on after its end");
}
