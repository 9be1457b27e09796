//! What a configuration must not say, and what it should not.
//!
//! One file for each subject, and a rule looks at the whole system and files all it finds. What is wrong with
//! an image is told where it is read; what depends on addresses, once these are given out.

mod board;
mod command_line;
mod cpus;
mod devices;
mod disks;
mod dma;
mod images;
mod interrupts;
mod life;
mod memory;
mod names;
mod pages;
mod programs;
mod providers;
mod silence;
mod statements;
mod upstream;

use crate::assemble::Assembly;
use crate::diagnostic::{Code, Report};
use crate::expand::System;
use crate::guest::Guest;

pub(crate) use names::is_name;
pub(crate) use statements::acceptances;

/// Codes of what is found only once addresses are given out.
const LATE: &[Code] = &[Code::LargeBlocksLost, Code::MemoryFree, Code::OutOfReach, Code::UartPolled];

/// Files everything that can be said of a system before its images are read.
pub(crate) fn check(system: &System<'_>, report: &mut Report) {
    cpus::have_one_owner(system, report);
    cpus::siblings_are_together(system, report);
    cpus::are_owned(system, report);
    devices::have_one_owner(system, report);
    devices::reset_nobody_else(system, report);
    devices::are_worth_having(system, report);
    pages::have_one_owner(system, report);
    providers::are_owned(system, report);
    upstream::is_nobody_elses(system, report);
    memory::sizes_are_whole_blocks(system, report);
    memory::one_takes_the_rest(system, report);
    memory::ram_bases_are_aligned(system, report);
    dma::masters_are_accepted(system, report);
    dma::masters_have_identity_memory(system, report);
    dma::neighbours_are_no_masters(system, report);
    dma::critical_memory_is_out_of_reach(system, report);
    statements::declarations_say_something(system, report);
    interrupts::have_one_owner(system, report);
    interrupts::are_raised_by_owned_devices(system, report);
    interrupts::of_critical_partitions_are_guarded(system, report);
    interrupts::have_one_trigger(system, report);
    interrupts::of_counters_are_private(system, report);
    interrupts::modes_are_known(system, report);
    interrupts::unwired_are_nobodys(system, report);
    life::faults_have_an_answer(system, report);
    life::restarts_are_bounded(system, report);
    life::controllers_name_others(system, report);
    life::functions_are_the_firmwares(system, report);
    life::functions_are_checked(system, report);
    life::critical_partitions_are_nobodys_to_stop(system, report);
    silence::is_possible(system, report);
    images::addresses_are_aligned(system, report);
    images::trees_are_there_for_what_is_in_them(system, report);
    images::unchecked_images_are_accepted(system, report);
    names::can_be_used(system, report);
    names::placeholders_are_known(system, report);
    command_line::are_text(system, report);
    board::window_is_in_ram(system, report);
    board::cpu_interface_is_one(system, report);
    board::machine_is_not_reduced(system, report);
    board::wishes_for_qemu_have_one(system, report);
    board::serial_lines_exist(system, report);
    board::absent_devices_exist(system, report);
    board::serial_lines_differ(system, report);
    board::consoles_are_seen(system, report);
    board::console_is_the_firmwares(system, report);
    disks::are_found(system, report);
}

/// Files what keeps the hypervisor as it is from running a system that is right in itself.
pub(crate) fn check_today(system: &System<'_>, report: &mut Report) {
    board::can_run(system, report);
    board::limits_are_kept(system, report);
}

/// Files everything that can be said of a system with its images; what could not be read is `None`.
pub(crate) fn check_programs(system: &System<'_>, guests: &[Option<Guest>], report: &mut Report) {
    cpus::are_of_one_kind(system, guests, report);
    programs::find_what_they_need(system, guests, report);
    command_line::speaks_of_own_things(system, guests, report);
    statements::acceptances_are_used(report, |code| !LATE.contains(&code));
}

/// Files everything that can be said of a system once its addresses are given out.
pub(crate) fn check_places(system: &System<'_>, guests: &[Guest], assembly: &Assembly, report: &mut Report) {
    let spaces = &assembly.spaces;
    memory::large_blocks_are_used(system, spaces, report);
    memory::is_owned(system, spaces, assembly.window, report);
    dma::masters_reach_their_memory(system, spaces, report);
    programs::virtual_uarts_raise_interrupts(system, guests, spaces, report);
    statements::acceptances_are_used(report, |code| LATE.contains(&code));
}
