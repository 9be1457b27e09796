//! What was measured, as the tables of `docs/performance.md`.
//!
//! A row on another shape of the system is there only if it is not the same as the row itself.

use super::budget::limit;
use super::measure::{Figure, Measured, Time};
use crate::Board;
use std::fmt::Write;

/// Operations of each board, then boot by phases and sizes of all boards beside each other.
pub fn markdown(measured: &[Measured]) -> String {
    let operations = measured.iter().map(operations);
    operations.collect::<String>() + &phases(measured) + &sizes(measured)
}

fn operations(measured: &Measured) -> String {
    let mut text = format!(
        "### {}\n\n| operation | native | Bulkhead | at EL2 | exits | budget |\n|---|---:|---:|---:|---:|---:|\n",
        title(measured.board)
    );
    let counts = measured.counts();
    let is_row = |name: &str, figure: &Figure| match name.split_once('@') {
        Some((of, _)) => measured.figures.get(of).is_none_or(|of| of.el2 != figure.el2),
        None => true,
    };
    for (name, figure) in measured.figures.iter().filter(|(name, figure)| is_row(name, figure)) {
        let [native, bulkhead] =
            [figure.native, figure.bulkhead].map(|time| time.map_or_else(String::new, both));
        let limit = limit(measured.board, name, &counts);
        let [el2, exits, limit] =
            [figure.el2, figure.exits, limit].map(|count| count.map_or_else(String::new, number));
        let _ = writeln!(text, "| `{name}` | {native} | {bulkhead} | {el2} | {exits} | {limit} |");
    }
    text + "\n"
}

fn phases(measured: &[Measured]) -> String {
    let names = measured.first().map(|first| first.phases.iter().map(|(name, _)| *name));
    let of = |measured: &Measured, name: &str| {
        let found = measured.phases.iter().find(|(phase, _)| *phase == name);
        found.map(|(_, el2)| super::measure::float(*el2))
    };
    side_by_side("phase", names.into_iter().flatten(), measured, of)
}

fn sizes(measured: &[Measured]) -> String {
    let names = measured.first().map(|first| first.sizes.keys().copied());
    let of =
        |measured: &Measured, name: &str| measured.sizes.get(name).map(|size| super::measure::float(*size));
    side_by_side("bytes", names.into_iter().flatten(), measured, of)
}

/// A table with a column for each board.
fn side_by_side<'a>(
    what: &str,
    names: impl Iterator<Item = &'a str>,
    measured: &[Measured],
    of: impl Fn(&Measured, &str) -> Option<f64>,
) -> String {
    let boards: String = measured.iter().map(|one| format!(" {} |", title(one.board))).collect();
    let mut text = format!("| {what} |{boards}\n|---|{}\n", "---:|".repeat(measured.len()));
    for name in names {
        let _ = write!(text, "| `{name}` |");
        for measured in measured {
            let _ = write!(text, " {} |", of(measured, name).map_or_else(String::new, number));
        }
        text.push('\n');
    }
    text + "\n"
}

const fn title(board: Board) -> &'static str {
    if board.has_gicv2() { "GICv2" } else { "GICv3" }
}

/// Mean and greatest, or one number if they are the same.
fn both(time: Time) -> String {
    let Time { mean, max } = time;
    if mean < max { format!("{} … {}", number(mean), number(max)) } else { number(mean) }
}

/// With a comma before every three digits, and a tenth where there is one.
fn number(count: f64) -> String {
    let plain = if count.fract() == 0.0 { format!("{count}") } else { format!("{count:.1}") };
    let whole = plain.split('.').next().map_or(0, str::len);
    let comma = |at: usize| at > 0 && at < whole && (whole - at).is_multiple_of(3);
    plain.char_indices().flat_map(|(at, digit)| comma(at).then_some(',').into_iter().chain([digit])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn numbers_are_written_as_in_the_document() {
        let texts = [0.0, 999.0, 1000.0, 54_321.0, 1_234_567.0, 793.89, 1234.56].map(number);
        assert_eq!(texts, ["0", "999", "1,000", "54,321", "1,234,567", "793.9", "1,234.6"]);
    }

    #[test]
    fn a_row_on_another_shape_is_there_only_if_it_differs() {
        let time = Some(Time { mean: 2.0, max: 3.0 });
        let figure = |el2| Figure { el2: Some(el2), bulkhead: time, ..Figure::default() };
        let figures = [("hvc_null", 60.0), ("hvc_null@8-cpus", 60.0), ("hvc_null@4-partitions", 61.0)];
        let figures: BTreeMap<_, _> =
            figures.map(|(name, el2)| (name.to_owned(), figure(el2))).into_iter().collect();
        let (phases, sizes) = (vec![("plan", 7000)], [("text", 9)].into());
        let measured = Measured { figures, phases, sizes, board: Board::Virt };
        let text = markdown(&Board::MEASURED.map(|board| Measured { board, ..measured.clone() }));
        assert!(text.contains("### GICv3\n\n| operation |"), "{text}");
        assert!(text.contains("| `hvc_null` |  | 2 … 3 | 60 |  | 60 |\n"), "{text}");
        assert!(text.contains("`hvc_null@4-partitions`") && !text.contains("@8-cpus"), "{text}");
        assert!(
            text.contains("| phase | GICv3 | GICv2 |\n|---|---:|---:|\n| `plan` | 7,000 | 7,000 |\n"),
            "{text}"
        );
        assert!(text.contains("| `text` | 9 | 9 |\n"), "{text}");
    }
}
