//! Guesses what a person meant who mistyped a name.
//!
//! A suggestion is made only when it is close: a wrong guess costs more than none.

/// "did you mean `x`?" for the nearest of `known`, if one is near enough.
pub(crate) fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let allowed = (wrong.chars().count() / 4).max(1);
    let (distance, nearest) = known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(wrong, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    // Where no letter is right, it is no slip.
    (distance <= allowed && distance < wrong.chars().count()).then(|| format!("did you mean `{nearest}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        assert_eq!(did_you_mean("memroy", ["name", "memory"]).unwrap(), "did you mean `memory`?");
        assert_eq!(
            did_you_mean("/pl061@9020000", ["/pl061@9030000"]).unwrap(),
            "did you mean `/pl061@9030000`?"
        );
    }

    #[test]
    fn nothing_is_guessed_from_far() {
        assert_eq!(did_you_mean("gpu", ["name", "memory"]), None);
        assert_eq!(did_you_mean("gpu", []), None);
        assert_eq!(did_you_mean("", ["t"]), None);
        assert_eq!(did_you_mean("/", ["t"]), None);
    }
}
