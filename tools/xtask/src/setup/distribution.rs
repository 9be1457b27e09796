//! Which system this machine runs, by `os-release(5)`.

use std::fs;

/// A system that packages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Distribution {
    /// Debian by its release's code name; testing and unstable have no number.
    Debian { version: Option<u32>, codename: String },
    /// Any other, by the name it gives itself.
    Other(String),
}

impl Distribution {
    /// The system of this machine.
    pub(crate) fn here() -> Self {
        let texts = ["/etc/os-release", "/usr/lib/os-release"].iter().map(fs::read_to_string);
        Self::parse(&texts.flatten().next().unwrap_or_default())
    }

    fn parse(os_release: &str) -> Self {
        let value = |key: &str| {
            let lines = os_release.lines().filter_map(|line| line.split_once('='));
            let mut values =
                lines.filter(|(name, _)| *name == key).map(|(_, value)| value.trim_matches(['"', '\'']));
            values.next().map(str::to_owned)
        };
        if value("ID").as_deref() != Some("debian") {
            return Self::Other(value("PRETTY_NAME").unwrap_or_else(|| "this system".to_owned()));
        }
        let version = value("VERSION_ID").and_then(|version| version.parse().ok());
        Self::Debian { version, codename: value("VERSION_CODENAME").unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_is_known_by_number_and_code_name() {
        let text = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        let expected = Distribution::Debian { version: Some(12), codename: "bookworm".to_owned() };
        assert_eq!(Distribution::parse(text), expected);
    }

    #[test]
    fn unstable_debian_has_no_number() {
        let expected = Distribution::Debian { version: None, codename: "forky".to_owned() };
        assert_eq!(Distribution::parse("ID=debian\nVERSION_CODENAME=forky\n"), expected);
    }

    #[test]
    fn another_system_is_known_by_its_name() {
        let text = "ID=ubuntu\nID_LIKE=debian\nPRETTY_NAME=\"Ubuntu 24.04\"\n";
        assert_eq!(Distribution::parse(text), Distribution::Other("Ubuntu 24.04".to_owned()));
        assert_eq!(Distribution::parse(""), Distribution::Other("this system".to_owned()));
    }
}
