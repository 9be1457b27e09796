//! Installs packages on Debian.
//!
//! Debian 12 has QEMU 7 in the release and 10 in its backports suite. Where that suite is not known to apt
//! yet, it is added with the mirror that this machine already uses for the release.

use std::{path::Path, process::Command};

use super::{Distribution, Install, packages::Package};
use crate::{
    action::{self, Action},
    failure::Failure,
};

const SOURCES: &str = "/etc/apt/sources.list.d/bulkhead-backports.sources";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// The first release whose own QEMU is new enough.
const FIRST_WITHOUT_BACKPORTS: u32 = 13;

/// The changes that install the packages.
pub(super) fn actions(packages: &[Package], install: Install) -> Result<Vec<Action>, Failure> {
    let release = match Distribution::here() {
        Distribution::Debian { version: Some(0..12), codename } => return Err(by_hand(packages, &codename)),
        Distribution::Other(name) => return Err(by_hand(packages, &name)),
        Distribution::Debian { version, codename } => Release { version, codename },
    };
    if !release.needs_backports_for(packages) {
        return Ok(plain(packages));
    }
    let mut known = Known::ask(&release)?;
    if known.mirror.is_none() && install == Install::Allowed {
        super::change(&[update()], install)?;
        known = Known::ask(&release)?;
    }
    decide(packages, &release, &known, Path::new(KEYRING).is_file())
}

struct Release {
    version: Option<u32>,
    codename: String,
}

/// What apt knows about a release.
#[derive(Debug, Default, PartialEq, Eq)]
struct Known {
    mirror: Option<String>,
    backports: bool,
}

impl Release {
    fn needs_backports_for(&self, packages: &[Package]) -> bool {
        packages.contains(&Package::Qemu)
            && self.version.is_some_and(|version| version < FIRST_WITHOUT_BACKPORTS)
    }

    fn backports(&self) -> String {
        format!("{}-backports", self.codename)
    }
}

impl Known {
    fn ask(release: &Release) -> Result<Self, Failure> {
        let mut command = Command::new("apt-get");
        command.args(["indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages"]);
        Ok(Self::parse(&action::output(&mut command)?, release))
    }

    fn parse(index_targets: &str, release: &Release) -> Self {
        let targets: Vec<(&str, &str)> =
            index_targets.lines().filter_map(|line| line.split_once(' ')).collect();
        let of = |name: &str| {
            targets.iter().find(|(_, codename)| *codename == name).map(|(uri, _)| (*uri).to_owned())
        };
        Self { mirror: of(&release.codename), backports: of(&release.backports()).is_some() }
    }
}

fn decide(
    packages: &[Package],
    release: &Release,
    known: &Known,
    keyring: bool,
) -> Result<Vec<Action>, Failure> {
    let backports = release.backports();
    let mut actions = Vec::new();
    match (known.backports, &known.mirror) {
        (true, _) => {}
        (false, Some(mirror)) => {
            let signed = if keyring { format!("Signed-By: {KEYRING}\n") } else { String::new() };
            let text = format!("Types: deb\nURIs: {mirror}\nSuites: {backports}\nComponents: main\n{signed}");
            actions.push(Action::Write { path: SOURCES.into(), text });
        }
        (false, None) => {
            return Err(Failure::missing(format!(
                "apt knows no mirror of Debian {}; after `sudo apt-get update`, run this again",
                release.codename
            )));
        }
    }
    actions.push(update());
    for package in packages {
        let suite: &[&str] = if *package == Package::Qemu { &["-t", &backports] } else { &[] };
        actions.push(install(suite, &[package.name()]));
    }
    Ok(actions)
}

fn plain(packages: &[Package]) -> Vec<Action> {
    let names: Vec<&str> = packages.iter().map(|package| package.name()).collect();
    vec![update(), install(&[], &names)]
}

fn update() -> Action {
    Action::run_as_root(&["apt-get", "-o", "DPkg::Lock::Timeout=120", "update"])
}

fn install(suite: &[&str], names: &[&str]) -> Action {
    let fixed = ["apt-get", "-o", "DPkg::Lock::Timeout=120", "install", "-y", "--no-install-recommends"];
    Action::run_as_root(&[&fixed, suite, names].concat())
}

fn by_hand(packages: &[Package], system: &str) -> Failure {
    let needs: String = packages.iter().map(|package| format!("\n    {package}")).collect();
    Failure::missing(format!(
        "only Debian 12 and newer are set up automatically; on {system}, install:{needs}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX_TARGETS: &str = "http://mirror.example/debian/ bookworm\nhttp://mirror.example/debian/ bookworm-updates\nhttp://security.example/ bookworm-security\n";

    fn bookworm() -> Release {
        Release { version: Some(12), codename: "bookworm".to_owned() }
    }

    fn lines(known: &Known, packages: &[Package], keyring: bool) -> Vec<String> {
        decide(packages, &bookworm(), known, keyring).unwrap().iter().map(Action::to_string).collect()
    }

    #[test]
    fn the_mirror_is_the_one_the_release_comes_from() {
        let known = Known::parse(INDEX_TARGETS, &bookworm());
        assert_eq!(
            known,
            Known { mirror: Some("http://mirror.example/debian/".to_owned()), backports: false }
        );
    }

    #[test]
    fn a_known_backports_suite_is_noticed() {
        let targets = format!("http://other.example/ bookworm-backports\n{INDEX_TARGETS}");
        assert!(Known::parse(&targets, &bookworm()).backports);
    }

    #[test]
    fn an_apt_that_was_never_updated_knows_nothing() {
        assert_eq!(Known::parse("", &bookworm()), Known::default());
        assert!(decide(&[Package::Qemu], &bookworm(), &Known::default(), true).is_err());
    }

    #[test]
    fn the_backports_suite_is_added_once() {
        let new = Known { mirror: Some("http://m.example/debian/".to_owned()), backports: false };
        assert_eq!(
            lines(&new, &[Package::Qemu], true),
            [
                "printf '%s\\n' 'Types: deb' 'URIs: http://m.example/debian/' 'Suites: bookworm-backports' \
                 'Components: main' 'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg' \
                 | sudo tee /etc/apt/sources.list.d/bulkhead-backports.sources",
                "sudo apt-get -o DPkg::Lock::Timeout=120 update",
                "sudo apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends -t bookworm-backports \
                 qemu-system-arm",
            ]
        );
        assert!(!lines(&new, &[Package::Qemu], false)[0].contains("Signed-By"));
        let known = Known { backports: true, ..new };
        assert_eq!(lines(&known, &[Package::Qemu], true).len(), 2);
    }

    #[test]
    fn only_qemu_comes_from_backports() {
        let known = Known { mirror: None, backports: true };
        let lines = lines(&known, &[Package::Qemu, Package::E2fsprogs], true);
        assert!(lines[1].ends_with("-t bookworm-backports qemu-system-arm"));
        assert!(lines[2].ends_with("--no-install-recommends e2fsprogs"));
    }

    #[test]
    fn a_release_with_a_new_qemu_needs_no_backports() {
        let release = |version| Release { version, codename: "x".to_owned() };
        assert!(bookworm().needs_backports_for(&[Package::Qemu]));
        assert!(!bookworm().needs_backports_for(&[Package::E2fsprogs]));
        assert!(!release(Some(13)).needs_backports_for(&[Package::Qemu]));
        assert!(!release(None).needs_backports_for(&[Package::Qemu]));
    }

    #[test]
    fn another_system_is_told_what_it_needs() {
        let failure = by_hand(&[Package::Qemu], "Ubuntu 24.04");
        assert!(
            failure.text.contains("on Ubuntu 24.04, install:\n    qemu-system-aarch64, version 8"),
            "{failure}"
        );
    }
}
