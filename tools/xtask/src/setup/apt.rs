//! Installs packages on Debian.
//!
//! Debian 12 has QEMU 7 in the release and 10 in its backports suite. Where that suite is not known to apt
//! yet, it is added with the mirror that this machine already uses for the release.

use std::{path::Path, process::Command};

use super::{Distribution, packages::Package};
use crate::{
    action::{self, Action},
    failure::Failure,
};

const SOURCES: &str = "/etc/apt/sources.list.d/bulkhead-backports.sources";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// The first release whose own QEMU is new enough.
const FIRST_WITHOUT_BACKPORTS: u32 = 13;

/// The changes that install the packages; or an update, if apt cannot tell yet what they are.
pub(super) fn actions(packages: &[Package]) -> Result<Vec<Action>, Failure> {
    let release = match Distribution::here() {
        Distribution::Debian { version: Some(0..12), codename } => return Err(by_hand(packages, &codename)),
        Distribution::Other(name) => return Err(by_hand(packages, &name)),
        Distribution::Debian { version, codename } => Release { version, codename },
    };
    if !release.needs_backports_for(packages) {
        return Ok(plain(packages));
    }
    Ok(decide(packages, &release, &Known::ask(&release)?, Path::new(KEYRING).is_file()))
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
        command.args(["indextargets", "--format", "$(REPO_URI) $(CODENAME) $(ORIGIN)"]);
        command.arg("Created-By: Packages");
        Ok(Self::parse(&action::output(&mut command)?, release))
    }

    fn parse(index_targets: &str, release: &Release) -> Self {
        let targets = || {
            let parts = index_targets.lines().map(|line| line.splitn(3, ' '));
            parts.filter_map(|mut parts| Some((parts.next()?, parts.next()?, parts.next()?)))
        };
        // Others use Debian's code names too, and a mirror of Debian may sign with a name of its own.
        let of = |name: &str| {
            let named = || targets().filter(|(_, codename, _)| *codename == name);
            let debian = named().find(|(_, _, origin)| origin.starts_with("Debian"));
            debian.or_else(|| named().next()).map(|(uri, _, _)| uri.to_owned())
        };
        Self { mirror: of(&release.codename), backports: of(&release.backports()).is_some() }
    }
}

fn decide(packages: &[Package], release: &Release, known: &Known, keyring: bool) -> Vec<Action> {
    let backports = release.backports();
    let mut actions = Vec::new();
    match (known.backports, &known.mirror) {
        (true, _) => {}
        (false, Some(mirror)) => {
            let signed = if keyring { format!("Signed-By: {KEYRING}\n") } else { String::new() };
            let text = format!("Types: deb\nURIs: {mirror}\nSuites: {backports}\nComponents: main\n{signed}");
            actions.push(Action::Write { path: SOURCES.into(), text });
        }
        (false, None) => return vec![update()],
    }
    actions.push(update());
    for package in packages {
        let suite: &[&str] = if *package == Package::Qemu { &["-t", &backports] } else { &[] };
        actions.push(install(suite, &[package.name()]));
    }
    actions
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
    use crate::action::Rights;

    const INDEX_TARGETS: &str = "http://container.example/debian/ bookworm Container\nhttp://mirror.example/debian/ bookworm Debian\nhttp://mirror.example/debian/ bookworm-updates Debian\nhttp://security.example/ bookworm-security Debian\n";

    fn bookworm() -> Release {
        Release { version: Some(12), codename: "bookworm".to_owned() }
    }

    fn lines(known: &Known, packages: &[Package], keyring: bool) -> Vec<String> {
        let actions = decide(packages, &bookworm(), known, keyring);
        actions.iter().map(|action| action.shell_line(Rights::None)).collect()
    }

    #[test]
    fn the_mirror_is_the_one_that_debian_comes_from() {
        let known = Known::parse(INDEX_TARGETS, &bookworm());
        assert_eq!(
            known,
            Known { mirror: Some("http://mirror.example/debian/".to_owned()), backports: false }
        );
    }

    #[test]
    fn a_mirror_may_have_an_origin_of_its_own() {
        let known = Known::parse("http://own.example/ bookworm \n", &bookworm());
        assert_eq!(known.mirror.as_deref(), Some("http://own.example/"));
    }

    #[test]
    fn a_known_backports_suite_is_noticed() {
        let targets = format!("http://other.example/ bookworm-backports Debian Backports\n{INDEX_TARGETS}");
        assert!(Known::parse(&targets, &bookworm()).backports);
    }

    #[test]
    fn an_apt_that_was_never_updated_is_updated_first() {
        let known = Known::parse("", &bookworm());
        let lines = lines(&known, &[Package::Qemu], true);
        assert_eq!(lines, ["sudo apt-get -o DPkg::Lock::Timeout=120 update"]);
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
            failure.text.contains("on Ubuntu 24.04, install:\n    qemu-system-aarch64 of version 8"),
            "{failure}"
        );
    }
}
