//! P08: a partition's end harms nobody, and its new beginning is a real one.
//!
//! Whoever restarts a partition relies on nothing of its former life being left, so what could go on by
//! itself has to be known here.

use crate::diagnostic::{Code, Diagnostic, Located, Report, Site, did_you_mean};
use crate::expand::{Partition, RESTART, STOP, System};
use bulkhead_plan::{Conduit, limits};

/// What follows a fault is known, and can follow it.
pub(super) fn faults_have_an_answer(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        let Some(on_fault) = &partition.wish.life.on_fault else { continue };
        let name = partition.name();
        if ![STOP, RESTART].contains(&on_fault.value.as_str()) {
            let title = format!("`{}` cannot follow a fault of `{name}`", on_fault.value);
            let unknown = Diagnostic::new(Code::FaultAnswerUnknown, title).at(&on_fault.site, "unknown");
            report.push(unknown.help("write \"stop\" or \"restart\""));
        } else if on_fault.value == RESTART && partition.in_place {
            report.push(worn(partition, &on_fault.site));
        } else if on_fault.value == RESTART && !partition.is_renewable() {
            report.push(unrenewable(system, partition));
        }
    }
}

/// Numbers about restarts are said of a partition that is restarted, and are sensible.
pub(super) fn restarts_are_bounded(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        let life = &partition.wish.life;
        let restarts = life.on_fault.as_ref().is_some_and(|on_fault| on_fault.value == RESTART);
        let times = life.max_restarts.as_ref().map(|number| (&number.site, "max-restarts"));
        let delay = life.restart_delay.as_ref().map(|number| (&number.site, "restart-delay-ms"));
        for (site, key) in times.into_iter().chain(delay) {
            if !restarts {
                let title = format!("`{key}` of `{}` says nothing", partition.name());
                let idle = Diagnostic::new(Code::RestartIdle, title).at(site, "is never looked at");
                report.push(idle.help("add `on-fault = \"restart\"`, or take it out"));
            }
        }
        let longest = u64::from(limits::RESTART_DELAY);
        if let Some(delay) = life.restart_delay.as_ref().filter(|delay| delay.value > longest) {
            let title = format!("`{}` would wait too long before it begins again", partition.name());
            let long = Diagnostic::new(Code::RestartLate, title).at(&delay.site, "too long");
            report.push(long.help(format!("write at most {longest}; it doubles with each further fault")));
        }
    }
}

/// A partition controls others, and such as there are.
pub(super) fn controllers_name_others(system: &System<'_>, report: &mut Report) {
    let names = || system.wish.system.names.iter().map(|name| name.value.as_str());
    for partition in &system.partitions {
        for controlled in &partition.wish.life.controls {
            let name = controlled.value.as_str();
            let wrong = |title: String, label: &str| {
                Diagnostic::new(Code::ControlUnknown, title).at(&controlled.site, label)
            };
            if name == partition.name() {
                let title = format!("`{name}` cannot control itself");
                let help = "it ends or resets itself by PSCI; take the name out";
                report.push(wrong(title, "itself").help(help));
            } else if !names().any(|known| known == name) {
                let title = format!("`{}` controls `{name}`, which is no partition", partition.name());
                report.push(wrong(title, "unknown").help_if(did_you_mean(name, names())));
            }
        }
    }
}

/// What a partition may call is the firmware's to answer, where there is some.
pub(super) fn functions_are_the_firmwares(system: &System<'_>, report: &mut Report) {
    for partition in &system.partitions {
        let calls = &partition.wish.life.firmware_calls;
        if let Some(first) = calls.first().filter(|_| !has_firmware(system)) {
            let title = format!("`{}` calls firmware that the board does not have", partition.name());
            let missing = Diagnostic::new(Code::FirmwareMissing, title).at(&first.site, "nobody answers it");
            let note =
                "the board's CPUs wait in a spin table: its tree names no firmware that could be called";
            report.push(missing.note(note).help("take `firmware-calls` out"));
            continue;
        }
        for call in calls {
            let why = match u32::try_from(call.value) {
                Err(_) => "a function identifier has 32 bits",
                Ok(id) if bulkhead_plan::is_answered_by_el2(id) => "the hypervisor answers it",
                Ok(_) => continue,
            };
            let title = format!("`{}` cannot be given function {:#x}", partition.name(), call.value);
            let reserved = Diagnostic::new(Code::FunctionReserved, title).at(&call.site, why);
            report.push(reserved.help("name a function of the firmware's own services, or take it out"));
        }
    }
}

fn has_firmware(system: &System<'_>) -> bool {
    system.board.conduit != Some(Conduit::SpinTable)
}

/// What the firmware does with addresses, stage 2 does not see.
pub(super) fn functions_are_checked(system: &System<'_>, report: &mut Report) {
    for partition in system.partitions.iter().filter(|_| has_firmware(system)) {
        let is_passed_on = |call: &&Located<u64>| {
            u32::try_from(call.value).is_ok_and(|id| !bulkhead_plan::is_answered_by_el2(id))
        };
        if let Some(first) = partition.wish.life.firmware_calls.iter().find(is_passed_on) {
            let title = format!("nobody checks what `{}` asks of the firmware", partition.name());
            report.push(
                Diagnostic::new(Code::FunctionUnchecked, title)
                    .of(partition.name())
                    .at(&first.site, "is passed on as it comes")
                    .note("an address in its arguments is a physical one, of anybody's memory")
                    .help("take it out, unless the firmware's manual says that it takes no addresses"),
            );
        }
    }
}

/// A critical partition goes on until it wants to stop.
pub(super) fn critical_partitions_are_nobodys_to_stop(system: &System<'_>, report: &mut Report) {
    for controller in &system.partitions {
        for controlled in &controller.wish.life.controls {
            let is_it = |partition: &&Partition<'_>| partition.name() == controlled.value;
            let target = system.partitions.iter().find(is_it);
            let critical = target.and_then(|partition| partition.wish.critical.as_ref());
            let Some(critical) = critical.filter(|critical| critical.value) else { continue };
            let (name, target) = (controller.name(), &controlled.value);
            let title = format!("`{name}` can stop `{target}`, which is critical");
            report.push(
                Diagnostic::new(Code::CriticalControlled, title)
                    .of(target)
                    .at(&controlled.site, "may start, stop and restart it")
                    .at(&critical.site, format!("`{target}` is critical"))
                    .help(format!("take `{target}` out of `controls`")),
            );
        }
    }
}

fn worn(partition: &Partition<'_>, asked: &Site) -> Diagnostic {
    let title = format!("`{}` cannot begin again: its image lies in place", partition.name());
    Diagnostic::new(Code::RestartInPlace, title)
        .at(asked, "asks for it")
        .at_if(partition.wish.in_place.as_ref().map(|key| &key.site), "there is no other copy")
        .help("leave `in-place` out: the image is then copied from a pristine one, each time")
        .help("or write `on-fault = \"stop\"`")
}

fn unrenewable(system: &System<'_>, partition: &Partition<'_>) -> Diagnostic {
    let board = system.board;
    let loud = partition.life.loud.first().map(|node| board.tree.node(*node));
    let path = loud.map_or("", |node| node.path.as_str());
    let kind = loud.and_then(|node| node.compatible().first().map(|kind| (*kind).to_owned()));
    let title =
        format!("`{}` cannot begin again: nothing stops `{path}` from writing memory", partition.name());
    let mut unsilenced = Diagnostic::new(Code::RestartLoud, title);
    if let Some(on_fault) = &partition.wish.life.on_fault {
        unsilenced = unsilenced.at(&on_fault.site, "asks for it");
    }
    if let Some(device) = partition.devices.iter().find(|device| partition.life.loud.contains(&device.node)) {
        unsilenced = unsilenced.at(device.site, "writes memory by itself");
    }
    let which = kind.map_or(format!("device = \"{path}\""), |kind| format!("compatible = \"{kind}\""));
    unsilenced
        .help(format!("say in the board's file how it is silenced:\n[[silence]]\n{which}\nsteps = [{{ write = …, value = … }}, {{ until = …, value = … }}]"))
        .help("or write `on-fault = \"stop\"`")
}
