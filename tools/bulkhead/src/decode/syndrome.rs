//! What a syndrome says, in words.
//!
//! The fields of ESR_EL2 are a library's; here they become one line: the class of the exception, then what
//! else has a meaning of its own.

use aarch64_esr_decoder::{FieldInfo, decode};

/// What ends where the value of a syndrome begins, in lines of the hypervisor.
const NAMES: [&str; 2] = ["esr=", "ESR "];

/// The words for the number that follows `before` in a line, if it is a syndrome.
pub(super) fn words(before: &str, number: u64) -> Option<String> {
    let before = before.strip_suffix("0x").unwrap_or(before);
    NAMES.iter().any(|name| before.ends_with(name)).then_some(())?;
    let mut words = Vec::new();
    collect(&decode(number).ok()?, &mut words);
    (!words.is_empty()).then(|| words.join("; "))
}

fn collect(fields: &[FieldInfo], words: &mut Vec<String>) {
    for field in fields {
        match &field.description {
            Some(description) if is_telling(field) => {
                words.push(description.trim_end_matches('.').to_owned());
            }
            _ => {}
        }
        collect(&field.subfields, words);
    }
}

/// Whether a field tells more than how the access was made.
fn is_telling(field: &FieldInfo) -> bool {
    matches!(field.name, "EC" | "DFSC" | "IFSC" | "WnR" | "AET" | "Direction")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_by_class_status_and_direction() {
        let told = |name, number| words(name, number).unwrap_or_default();
        let fetch = "instruction abort from a lower exception level; translation fault, level 3";
        assert_eq!(told("esr=", 0x8200_0007).to_lowercase(), fetch);
        let store = "data abort from a lower exception level; abort caused by writing to memory; translation fault, level 2";
        assert_eq!(told("ESR ", 0x93c0_8046).to_lowercase(), store);
        assert_eq!(told("esr=", 0x5a00_0000), "HVC instruction execution in AArch64 state");
    }

    #[test]
    fn what_is_no_syndrome_has_no_words() {
        assert_eq!(words("far=", 0x8200_0007), None);
        assert_eq!(words("esr=", u64::MAX), None);
    }
}
