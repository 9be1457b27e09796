//! What the intruder says of its families of attacks.

use anyhow::{Context as _, Result, ensure};
use regex::bytes::Regex;

/// Fewest distinct attacks of each family.
const FLOORS: [(&str, u64); 7] = [
    ("memory", 500),
    ("system registers", 2000),
    ("SMC and HVC", 500),
    ("PSCI", 200),
    ("distributor and redistributor", 1000),
    ("SGI", 200),
    ("lifecycle", 50),
];

/// A family's line.
struct Family {
    name: String,
    distinct: u64,
    answered: u64,
    rest: String,
}

/// Every family has made as many attacks as it must, and each has ended as it must.
pub(super) fn check(transcript: &[u8]) -> Result<()> {
    let wrong = Regex::new(r"(?m)^[^\r\n]*WRONG[^\r\n]*")?;
    let wrong: Vec<_> =
        wrong.find_iter(transcript).map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    ensure!(wrong.is_empty(), "attacks that ended otherwise:\n{}", wrong.join("\n"));
    let families = families(transcript)?;
    for (name, floor) in FLOORS {
        let family = families.iter().find(|family| family.name == name);
        let family = family.with_context(|| format!("the intruder says nothing of {name}"))?;
        ensure!(
            family.distinct >= floor,
            "{name}: {} distinct attacks, at least {floor} wanted",
            family.distinct
        );
    }
    for family in &families {
        ensure!(family.distinct == family.answered, "{}: not every attack was answered", family.name);
    }
    Ok(())
}

/// The sum for a person, and a line for each family.
pub(super) fn lines(transcript: &[u8]) -> Result<(String, Vec<String>)> {
    let families = families(transcript)?;
    let sum = |count: fn(&Family) -> u64| families.iter().map(count).sum::<u64>();
    let (distinct, answered) = (sum(|family| family.distinct), sum(|family| family.answered));
    let line = |Family { name, distinct, answered, rest }: &Family| {
        format!("  {name}: {distinct} distinct, {answered} answered{rest}")
    };
    let sum = format!("attacks: {distinct} distinct, {answered} answered");
    Ok((sum, families.iter().map(line).collect()))
}

fn families(transcript: &[u8]) -> Result<Vec<Family>> {
    let line = Regex::new(r"(?m)^([A-Za-z ]+): (\d+) distinct, (\d+) answered([^\r\n]*)\r\n")?;
    line.captures_iter(transcript)
        .map(|found| {
            let [name, distinct, answered, rest] = found.extract::<4>().1.map(String::from_utf8_lossy);
            let (distinct, answered) = (distinct.parse()?, answered.parse()?);
            Ok(Family { name: name.into_owned(), distinct, answered, rest: rest.into_owned() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(change: impl Fn(&str, u64) -> (u64, u64)) -> String {
        FLOORS
            .iter()
            .map(|(name, floor)| {
                let (distinct, answered) = change(name, *floor);
                format!("{name}: {distinct} distinct, {answered} answered, 3 more with random arguments\r\n")
            })
            .collect()
    }

    #[test]
    fn enough_attacks_that_were_answered_pass() {
        let text = transcript(|_, floor| (floor, floor));
        check(text.as_bytes()).unwrap();
        assert_eq!(lines(text.as_bytes()).unwrap().0, "attacks: 4450 distinct, 4450 answered");
    }

    #[test]
    fn too_few_of_one_family_or_one_unanswered_or_wrong_fail() {
        let too_few = transcript(|name, floor| if name == "SGI" { (199, 199) } else { (floor, floor) });
        let unanswered = transcript(|name, floor| (floor, floor - u64::from(name == "PSCI")));
        let wrong = transcript(|_, floor| (floor, floor)) + "PSCI: WRONG: `hvc #0`\r\n";
        for text in [too_few, unanswered, wrong, String::new()] {
            assert!(check(text.as_bytes()).is_err(), "{text}");
        }
    }
}
