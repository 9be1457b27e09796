//! What was measured, for people and for programs.

use super::budget::limit;
use super::gate::Verdict;
use super::measure::{Figure, Measured, Time};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The rows that a person has asked for: those whose name contains one of `names`, or all.
pub fn is_wanted(name: &str, names: &[String]) -> bool {
    names.is_empty() || names.iter().any(|wish| name.contains(wish.as_str()))
}

/// Everything in one table, then boot by phases, sizes, and what the gate says.
pub fn table(measured: &Measured, verdict: &Verdict, names: &[String]) -> String {
    let counts = measured.counts();
    let limit = |name: &str| limit(measured.board, name, &counts);
    let mut text = format!(
        "{:<34} {:>17} {:>17} {:>11} {:>7} {:>9}\n",
        "instructions", "native", "bulkhead", "EL2", "exits", "budget"
    );
    for (name, figure) in measured.figures.iter().filter(|(name, _)| is_wanted(name, names)) {
        let Figure { native, bulkhead, el2, exits, .. } = figure;
        let budget = limit(name).map_or_else(String::new, number);
        let over = if el2.zip(limit(name)).is_some_and(|(el2, limit)| el2 > limit) { " !" } else { "" };
        let [native, bulkhead] = [native, bulkhead].map(|time| time.map_or_else(String::new, both));
        let [el2, exits] = [el2, exits].map(|count| count.map_or_else(String::new, number));
        let _ =
            writeln!(text, "{name:<34} {native:>17} {bulkhead:>17} {el2:>11} {exits:>7} {budget:>9}{over}");
    }
    if is_wanted("boot", names) {
        text.push_str("\nboot, instructions at EL2 by phase\n");
        for (phase, el2) in &measured.phases {
            let _ = writeln!(text, "{phase:<34} {el2:>11}");
        }
    }
    for (name, bytes) in measured.sizes.iter().filter(|(name, _)| is_wanted(name, names)) {
        let limit = limit(name).map_or_else(String::new, number);
        let _ = writeln!(text, "\n{:<34} {bytes:>11} {limit:>9}", format!("{name}, bytes and budget"));
    }
    text + &complaints(verdict)
}

/// Mean and greatest, or one number if they are the same.
fn both(time: Time) -> String {
    let Time { mean, max } = time;
    if mean < max { format!("{} … {}", number(mean), number(max)) } else { number(mean) }
}

fn number(count: f64) -> String {
    if count.fract() == 0.0 { format!("{count}") } else { format!("{count:.1}") }
}

/// What the gate says, in lines.
pub fn complaints(verdict: &Verdict) -> String {
    let mut text = String::new();
    for unmet in &verdict.unmet {
        let _ = writeln!(text, "NOT MET  {unmet}");
    }
    for fault in &verdict.faults {
        let _ = writeln!(text, "REFUSED  {fault}");
    }
    text
}

/// The same of every board, for programs.
pub fn document(measured: &[Measured], names: &[String]) -> Value {
    let boards = measured.iter().map(|one| (one.board.gic().to_owned(), of_one(one, names)));
    Value::Object(boards.collect())
}

fn of_one(measured: &Measured, names: &[String]) -> Value {
    let figures = || measured.figures.iter().filter(|(name, _)| is_wanted(name, names));
    let times = |of: fn(&Figure) -> Option<Time>| -> Map<String, Value> {
        figures().filter_map(|(name, figure)| Some((name.clone(), json!(of(figure)?)))).collect()
    };
    let counts = |of: fn(&Figure) -> Option<f64>| -> Map<String, Value> {
        figures().filter_map(|(name, figure)| Some((name.clone(), json!(of(figure)?)))).collect()
    };
    json!({
        "native": times(|figure| figure.native),
        "bulkhead": times(|figure| figure.bulkhead),
        "el2": counts(|figure| figure.el2),
        "exits": counts(|figure| figure.exits),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Board;

    fn measured() -> Measured {
        let time = |mean, max| Some(Time { mean, max });
        let figure = Figure {
            native: time(1.0, 1.0),
            bulkhead: time(184.0, 190.0),
            el2: Some(183.0),
            exits: Some(1.0),
            spread: String::new(),
        };
        let boot = Figure { el2: Some(5.5), ..Figure::default() };
        let figures = [("hvc_null".to_owned(), figure), ("boot".to_owned(), boot)].into();
        Measured { figures, phases: vec![("plan", 7)], sizes: [("text", 9)].into(), board: Board::Virt }
    }

    #[test]
    fn the_table_has_native_bulkhead_el2_exits_and_budget_in_a_line() {
        let text = table(&measured(), &Verdict::default(), &[]);
        let words = |start: &str| {
            let line = text.lines().find(|line| line.starts_with(start)).unwrap();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(words("hvc_null"), ["hvc_null", "1", "184", "…", "190", "183", "1", "60", "!"]);
        assert_eq!(words("boot "), ["boot", "5.5", "300000"]);
        assert_eq!(words("plan"), ["plan", "7"]);
    }

    #[test]
    fn a_person_gets_the_rows_that_they_ask_for() {
        let text = table(&measured(), &Verdict::default(), &["hvc".to_owned()]);
        assert!(text.contains("hvc_null") && !text.contains("boot") && !text.contains("text"), "{text}");
    }

    #[test]
    fn a_program_finds_operations_by_what_was_measured() {
        let document = document(&Board::MEASURED.map(|board| Measured { board, ..measured() }), &[]);
        let one = json!({
            "native": {"hvc_null": {"mean": 1.0, "max": 1.0}},
            "bulkhead": {"hvc_null": {"mean": 184.0, "max": 190.0}},
            "el2": {"hvc_null": 183.0, "boot": 5.5},
            "exits": {"hvc_null": 1.0},
        });
        assert_eq!(document, json!({"gicv3": one, "gicv2": one}));
    }
}
