//! Says where it is.
//!
//! The first guest that a new board or a change of the hypervisor meets: it uses everything once. Its
//! further CPUs are switched on, report by an interrupt and switch themselves off. Boot argument:
//! `end=reset` to end by SYSTEM_RESET instead of SYSTEM_OFF.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use guest_rt::psci::{self, Affinity};
use guest_rt::{Machine, console, cpu, gic, interrupt, println};

guest_rt::entry!(main);

/// The SGI by which a CPU reports.
const REPORT: u32 = 1;

/// The affinity of the CPU to which the others report.
static FIRST: AtomicU64 = AtomicU64::new(0);

/// How many have reported.
static REPORTS: AtomicUsize = AtomicUsize::new(0);

/// How many interrupts of the UART have come.
static UART_INTERRUPTS: AtomicUsize = AtomicUsize::new(0);

fn main(machine: &'static Machine) {
    println!("hello from {}", machine.partition.unwrap_or("the bare machine"));
    print_machine(machine);
    greet(cpu::index());
    FIRST.store(cpu::affinity(), Ordering::Relaxed);
    let mut interrupts = gic::Private::open(machine);
    interrupts.enable(REPORT);
    interrupt::call(count);
    interrupt::unmask();
    if let Some(intid) = machine.uart_interrupt {
        take_uart_interrupt(machine, intid);
    }
    for (index, affinity) in machine.cpus().iter().enumerate().filter(|(index, _)| *index != cpu::index()) {
        run_on(index, *affinity);
    }
    println!("hello: done");
    if machine.argument("end") == Some("reset") {
        psci::system_reset();
    }
}

fn print_machine(machine: &Machine) {
    println!("hello: CPUs: {}", machine.cpus().len());
    for memory in machine.memory() {
        println!("hello: RAM at {memory}");
    }
    println!("hello: UART at {}", machine.uart);
    println!("hello: distributor at {}", machine.distributor);
    match psci::version() {
        Ok((major, minor)) => println!("hello: PSCI {major}.{minor}"),
        Err(error) => println!("hello: PSCI_VERSION: {error}"),
    }
}

/// What every CPU says.
fn greet(index: usize) {
    println!("hello: CPU {index} at EL{}, MPIDR {:#x}", cpu::exception_level(), cpu::mpidr());
}

/// Has the UART raise its interrupt, and sees that it comes once.
fn take_uart_interrupt(machine: &Machine, intid: u32) {
    gic::Shared::open(machine).enable(intid, cpu::affinity());
    interrupt::mask();
    console::ask_for_interrupt();
    interrupt::wait_until(|| UART_INTERRUPTS.load(Ordering::Relaxed) > 0);
    println!("hello: interrupt {intid} of the UART came, {} in all", UART_INTERRUPTS.load(Ordering::Relaxed));
}

/// Has the CPU `index` report, and sees that it is off afterwards.
fn run_on(index: usize, affinity: u64) {
    let reports = REPORTS.load(Ordering::Relaxed);
    if let Err(error) = cpu::start(index, report) {
        return println!("hello: CPU {index} does not start: {error}");
    }
    interrupt::wait_until(|| REPORTS.load(Ordering::Relaxed) > reports);
    while psci::affinity_info(affinity) != Ok(Affinity::Off) {
        cpu::relax();
    }
    println!("hello: CPU {index} is off");
}

/// What the other CPUs run.
fn report(machine: &'static Machine, index: usize) {
    greet(index);
    gic::Private::open(machine);
    gic::send_sgi(REPORT, FIRST.load(Ordering::Relaxed));
}

fn count(intid: u32) {
    if intid == REPORT {
        REPORTS.fetch_add(1, Ordering::Relaxed);
    } else {
        console::withdraw_interrupt();
        UART_INTERRUPTS.fetch_add(1, Ordering::Relaxed);
    }
}
