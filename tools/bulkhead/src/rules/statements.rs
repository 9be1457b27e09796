//! P0402, P0403, P0406 to P0410: what a person says in writing is true, needed, and has a reason.
//!
//! An acceptance that accepts nothing would one day accept something else without anybody looking.

use crate::board::{Board, never_masters};
use crate::diagnostic::{Acceptance, Code, Diagnostic, Located, Report, Subject, did_you_mean};
use crate::expand::{ALL, Partition, System};
use crate::load::{AcceptWish, Declaration, Wish};

/// Hands the report what is accepted and who is critical; files what cannot be accepted.
pub(crate) fn acceptances(wish: &Wish, board: &Board, report: &mut Report) {
    let mut acceptances = Vec::new();
    for accept in &wish.system.accept {
        has_reason(&accept.reason, &format!("acceptance of {}", accept.code.value), report);
        let (code, subject) = (code(accept, report), subject(accept, wish, board, report));
        if let (Some(code), Some(subject)) = (code, subject) {
            let (site, reason) = (accept.site.clone(), accept.reason.clone());
            acceptances.push(Acceptance { site, code, subject, reason });
        }
    }
    let is_critical = |critical: &Option<Located<bool>>| critical.as_ref().is_some_and(|it| it.value);
    let critical = wish.system.partitions.iter().filter(|partition| is_critical(&partition.critical));
    report.accept(acceptances, critical.map(|partition| partition.name.value.clone()).collect());
}

/// Every acceptance accepts something. Only a system that is in order otherwise can tell.
pub(crate) fn acceptances_are_used(report: &mut Report, is_due: impl Fn(Code) -> bool) {
    if !report.is_clean() {
        return;
    }
    for acceptance in report.unused().into_iter().filter(|acceptance| is_due(acceptance.code)) {
        let code = acceptance.code.text();
        let whose = match &acceptance.subject {
            Subject::Device(path) => format!("`{path}`"),
            Subject::DevicesOf(name) => format!("a device of `{name}`"),
            Subject::Partition(name) => format!("`{name}`"),
            Subject::System => "the system".to_owned(),
        };
        let what = format!("no {code} of {whose} is left to accept");
        let unused = Diagnostic::new(Code::AcceptUnused, "an acceptance accepts nothing");
        let note = format!("{code}: {}", acceptance.code.meaning());
        report.push(unused.at(&acceptance.site, what).note(note).help("take it out"));
    }
}

/// A declaration is about a device of its partition, says why, and says something new.
pub(super) fn declarations_say_something(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        for (index, declaration) in partition.wish.declare.iter().enumerate() {
            let device = &declaration.device.value;
            has_reason(&declaration.reason, &format!("declaration about `{device}`"), report);
            let node = system.board.tree.find(device).filter(|node| partition.owns(*node));
            let Some(node) = node else {
                report.push(foreign(partition, declaration));
                continue;
            };
            let same = |other: &&Declaration| system.board.tree.find(&other.device.value) == Some(node);
            let earlier = partition.wish.declare.iter().take(index).find(same);
            let known = never_masters(&system.board.tree, node);
            match earlier {
                Some(earlier) => report.push(repeated(partition, declaration, earlier)),
                None if known != declaration.bus_master.value => {
                    report.push(useless(system, partition, declaration));
                }
                None => {}
            }
        }
    }
}

fn has_reason(reason: &Located<String>, what: &str, report: &mut Report) {
    if reason.value.trim().is_empty() {
        let silent = Diagnostic::new(Code::ReasonMissing, format!("the {what} has no reason"));
        let help = "say why, for the one who reads this after an accident";
        report.push(silent.at(&reason.site, "empty").help(help));
    }
}

fn code(accept: &AcceptWish, report: &mut Report) -> Option<Code> {
    let text = &accept.code.value;
    let Some(code) = Code::from_text(text) else {
        let known = Code::ALL.iter().filter(|code| code.is_acceptable()).map(|code| code.text());
        let unknown = Diagnostic::new(Code::AcceptUnknown, format!("there is no finding `{text}`"));
        let guess = did_you_mean(&text.to_uppercase(), known);
        let help = guess.unwrap_or_else(|| "`bulkhead explain --list` shows all codes".to_owned());
        report.push(unknown.at(&accept.code.site, "unknown").help(help));
        return None;
    };
    if !code.is_acceptable() {
        let title = format!("{text} cannot be accepted");
        let forbidden = Diagnostic::new(Code::AcceptForbidden, title).at(&accept.code.site, "an error");
        let help = format!("repair it: `bulkhead explain {text}` says how; then take the acceptance out");
        report.push(forbidden.note(code.meaning()).help(help));
        return None;
    }
    Some(code)
}

fn subject(accept: &AcceptWish, wish: &Wish, board: &Board, report: &mut Report) -> Option<Subject> {
    let names = || wish.system.names.iter().map(|name| name.value.as_str());
    if let Some(name) = accept.partition.as_ref().filter(|name| names().all(|known| known != name.value)) {
        let title = format!("an acceptance is about the partition `{}`, which is not there", name.value);
        let foreign = Diagnostic::new(Code::AcceptForeign, title).at(&name.site, "no such partition");
        report.push(foreign.help_if(did_you_mean(&name.value, names())));
        return None;
    }
    let partition = accept.partition.as_ref().map(|name| name.value.clone());
    match (&accept.device, partition) {
        (Some(device), Some(name)) if device.value == ALL => Some(Subject::DevicesOf(name)),
        (Some(device), None) if device.value == ALL => {
            let title = "an acceptance is about every device of nobody: `partition` is missing";
            let missing = Diagnostic::new(Code::KeyMissing, title).at(&device.site, "whose devices?");
            report.push(missing.help("add `partition`"));
            None
        }
        (Some(device), _) => match board.tree.find(&device.value) {
            Some(node) => Some(Subject::Device(board.tree.node(node).path.clone())),
            None => {
                let title = format!("an acceptance is about `{}`, which is not there", device.value);
                let foreign = Diagnostic::new(Code::AcceptForeign, title).at(&device.site, "no such device");
                let paths = board.tree.ids().map(|id| board.tree.node(id).path.as_str());
                report.push(foreign.help_if(did_you_mean(&device.value, paths)));
                None
            }
        },
        (None, Some(name)) => Some(Subject::Partition(name)),
        (None, None) => Some(Subject::System),
    }
}

fn foreign(partition: &Partition<'_>, declaration: &Declaration) -> Diagnostic {
    let device = &declaration.device.value;
    let title = format!("`{}` declares something about `{device}`, which it does not own", partition.name());
    Diagnostic::new(Code::AcceptForeign, title)
        .at(&declaration.device.site, "not its own")
        .help(format!("add `{device}` to its devices, or take the declaration out"))
}

fn repeated(partition: &Partition<'_>, declaration: &Declaration, earlier: &Declaration) -> Diagnostic {
    let device = &declaration.device.value;
    let title = format!("`{}` declares twice whether `{device}` masters the bus", partition.name());
    let says = |declaration: &Declaration| format!("says {}", declaration.bus_master.value);
    Diagnostic::new(Code::DeclareRepeated, title)
        .at(&declaration.bus_master.site, says(declaration))
        .at(&earlier.bus_master.site, says(earlier))
        .help("take out the one that is wrong")
}

fn useless(system: &System<'_>, partition: &Partition<'_>, declaration: &Declaration) -> Diagnostic {
    let path = system.board.tree.find(&declaration.device.value);
    let path = path.map_or(declaration.device.value.as_str(), |node| &system.board.tree.node(node).path);
    let title = format!("what `{}` declares about `{path}` changes nothing", partition.name());
    let known = if declaration.bus_master.value {
        "a device counts as a bus master unless its kind is known not to be one"
    } else {
        "its kind is known never to write memory by itself"
    };
    Diagnostic::new(Code::DeclareUseless, title)
        .about(path)
        .of(partition.name())
        .at(&declaration.bus_master.site, "is taken for granted")
        .note(known)
        .help("take the declaration out")
}
