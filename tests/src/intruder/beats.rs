//! What the witness says at every beat.

use crate::Running;
use anyhow::{Context as _, Result, ensure};
use regex::bytes::Regex;
use std::time::Instant;

/// Whether a neighbour can end an interrupt of the witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The known limit of direct interrupts: it can, by the INTID that it was told to end, and it has.
    Possible,
    /// It cannot.
    Impossible,
}

/// Beats that are waited for after the attacks.
const MORE: usize = 5;

/// Waits for beats that begin from now on: the witness is still there, on all its CPUs.
pub(super) fn wait_for_more(machine: &mut Running<'_>, deadline: Instant) -> Result<()> {
    let line = Regex::new(r"(?m)^beat (\d+) of ")?;
    let so_far = line.find_iter(machine.transcript("witness")).count();
    let beyond = format!(r"(?m)^beat {} of [^\r\n]*\r\n", so_far + MORE);
    machine.expect("witness", &Regex::new(&beyond)?, deadline).context("the witness has fallen silent")?;
    Ok(())
}

/// Every line is a beat, none is missing, and none tells of anything missed. How many interrupts were ended.
pub(super) fn check(transcript: &[u8], ending: Ending) -> Result<u64> {
    let line = Regex::new(
        r"^beat (\d+) of \d+ us: \d+ ticks, memory well, private interrupts well, rung \d+ times, taken (\d+) of (\d+), ended by others (\d+) and (\d+) times, set up well, \d+ orders given, 0 refused\r$",
    )?;
    let mut ended = 0;
    let whole = transcript.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    for (number, text) in transcript[..whole].split(|byte| *byte == b'\n').enumerate() {
        let found =
            line.captures(text).with_context(|| format!("the witness: {}", String::from_utf8_lossy(text)))?;
        let numbers = found.extract::<5>().1.map(|text| String::from_utf8_lossy(text).into_owned());
        let [beat, taken, provoked, attacked, spared] = numbers;
        ensure!(beat == (number + 1).to_string(), "beat {beat} is the line {}", number + 1);
        ensure!(taken == provoked, "beat {beat}: {taken} of {provoked} interrupts were taken");
        ensure!(spared == "0", "beat {beat}: a neighbour has deactivated an interrupt");
        ended = attacked.parse::<u64>()?;
    }
    match ending {
        Ending::Possible => ensure!(ended > 0, "the limit of direct interrupts is not what it is said to be"),
        Ending::Impossible => ensure!(ended == 0, "a guarded neighbour has ended {ended} interrupts"),
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(number: u64, ended: u64) -> String {
        format!(
            "beat {number} of 1 us: 7 ticks, memory well, private interrupts well, rung 0 times, taken 1 of 1, ended by others {ended} and 0 times, set up well, 3 orders given, 0 refused\r\n"
        )
    }

    #[test]
    fn beats_without_a_gap_are_right_and_the_last_may_be_cut_off() {
        let text = beat(1, 0) + &beat(2, 0) + "beat 3 of";
        check(text.as_bytes(), Ending::Impossible).unwrap();
        assert!(check(text.as_bytes(), Ending::Possible).is_err(), "the limit was not reached");
        check((text.clone() + "\r\n").as_bytes(), Ending::Impossible).unwrap_err();
        assert_eq!(check((beat(1, 2) + &beat(2, 3)).as_bytes(), Ending::Possible).unwrap(), 3);
    }

    #[test]
    fn a_gap_or_anything_missed_is_not() {
        let missed = beat(1, 0).replace("memory well", "memory MISSED");
        let less = beat(1, 0).replace("1 of 1", "0 of 1");
        let deactivated = beat(1, 0).replace("and 0 times", "and 1 times");
        for text in [beat(2, 0), beat(1, 0) + &beat(3, 0), missed, less, deactivated, beat(1, 1)] {
            assert!(check(text.as_bytes(), Ending::Impossible).is_err(), "{text}");
        }
    }
}
