//! What a configuration must not say.
//!
//! One file for each first two digits of the codes, and a rule looks at the whole system and files all it
//! finds. What depends on the contents of images is checked where they are read; what depends on addresses,
//! where these are given out.

mod board;
mod cpus;
mod devices;
mod dma;
mod images;
mod interrupts;
mod life;
mod memory;
mod names;
mod pages;
mod providers;

use crate::diagnostic::Report;
use crate::expand::System;

/// Files everything that is wrong with a system.
pub(crate) fn check(system: &System<'_>, report: &mut Report) {
    cpus::have_one_owner(system, report);
    devices::have_one_owner(system, report);
    pages::have_one_owner(system, report);
    providers::are_owned(system, report);
    memory::sizes_are_whole_blocks(system, report);
    memory::one_takes_the_rest(system, report);
    memory::ram_bases_are_aligned(system, report);
    dma::masters_are_accepted(system, report);
    dma::statements_are_about_own_devices(system, report);
    dma::masters_have_identity_memory(system, report);
    dma::neighbours_are_no_masters(system, report);
    interrupts::have_one_owner(system, report);
    interrupts::modes_are_known(system, report);
    interrupts::unwired_are_nobodys(system, report);
    life::faults_have_an_answer(system, report);
    life::restarts_are_bounded(system, report);
    life::controllers_name_others(system, report);
    life::functions_are_the_firmwares(system, report);
    life::silence_is_possible(system, report);
    images::addresses_are_aligned(system, report);
    images::trees_are_there_for_what_is_in_them(system, report);
    names::can_be_used(system, report);
    names::placeholders_are_known(system, report);
    board::window_is_in_ram(system, report);
    board::machine_is_not_reduced(system, report);
    board::serial_lines_exist(system, report);
}

/// Files what keeps the hypervisor as it is from running a system that is right in itself.
pub(crate) fn check_today(system: &System<'_>, report: &mut Report) {
    board::can_run(system, report);
    board::limits_are_kept(system, report);
}
