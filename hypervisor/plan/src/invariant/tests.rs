//! Each invariant, broken in one place of a sound plan.

use super::*;
use crate::record::{Function, GicVersion, InterruptMode};
use crate::sample::Sample;

fn verdict(change: impl FnOnce(&mut Sample)) -> Result<(), Violation> {
    let mut sample = Sample::default();
    change(&mut sample);
    let bytes = sample.encode();
    verify(&Plan::decode(bytes.bytes()).unwrap())
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

#[test]
fn the_sample_is_sound() {
    assert_eq!(verdict(|_| {}), Ok(()));
}

#[test]
fn a_page_with_two_owners_is_found() {
    let shared = verdict(|plan| plan.regions[5].span.base = Pa(0x41ff_f000));
    assert_eq!(shared, Err(Violation::Shared(name("first"), name("second"), Pa(0x41ff_f000))));
}

#[test]
fn memory_of_the_hypervisor_is_nobodys() {
    let private = verdict(|plan| plan.regions[5].span.base = Pa(0x4020_0000));
    assert_eq!(private, Err(Violation::Private(name("second"), Pa(0x4020_0000))));
    let distributor = verdict(|plan| plan.regions[2].span.base = Pa(0x0800_0000));
    assert_eq!(distributor, Err(Violation::Private(name("first"), Pa(0x0800_0000))));
    let console = verdict(|plan| plan.regions[2].span.base = Pa(0x0904_0000));
    assert_eq!(console, Err(Violation::Private(name("first"), Pa(0x0904_0000))));
    let translator = verdict(|plan| plan.regions[2].span.base = Pa(0x0809_0000));
    assert_eq!(translator, Err(Violation::Private(name("first"), Pa(0x0809_0000))));
    let redistributor = verdict(|plan| plan.regions[2].span.base = Pa(0x0810_0000));
    assert_eq!(redistributor, Err(Violation::Private(name("first"), Pa(0x0810_0000))));
}

#[test]
fn the_console_is_its_heirs_and_nobody_elses() {
    let given = |region: usize, heir| {
        verdict(|plan| {
            plan.regions[region].span.base = Pa(0x0904_0000);
            plan.board.heir = heir;
        })
    };
    assert_eq!(given(2, 0), Ok(()));
    for heir in [1, 2, NO_PARTITION] {
        assert_eq!(given(2, heir), Err(Violation::Private(name("first"), Pa(0x0904_0000))), "{heir}");
    }
}

#[test]
fn the_console_has_its_registers_in_a_page_of_its_own() {
    assert_eq!(verdict(|plan| plan.board.console.status = 0x1000), Err(Violation::Console));
    assert_eq!(verdict(|plan| plan.board.console.width = 3), Err(Violation::Console));
    assert_eq!(verdict(|plan| plan.board.console.base = Pa(0x4400_0000)), Err(Violation::Console), "RAM");
    assert_eq!(verdict(|plan| plan.board.console.base = Pa(0)), Ok(()), "silent");
}

#[test]
fn ram_must_exist_and_devices_must_not_be_ram() {
    let nowhere = verdict(|plan| plan.regions[5].span.base = Pa(0x8000_0000));
    assert_eq!(nowhere, Err(Violation::NotRam(name("second"), Pa(0x8000_0000))));
    let ram = verdict(|plan| plan.regions[2].span.base = Pa(0x5000_0000));
    assert_eq!(ram, Err(Violation::NotDevice(name("first"), Pa(0x5000_0000))));
}

#[test]
fn a_cpu_has_one_owner() {
    assert_eq!(verdict(|plan| plan.cpus[2].mpidr = 1), Err(Violation::DuplicateCpu(1)));
    assert_eq!(verdict(|plan| plan.cpus[1].partition = 1), Err(Violation::Cpus(name("first"))));
    assert_eq!(verdict(|plan| plan.cpus[1].virtual_mpidr = 0), Err(Violation::Affinity(1)));
}

#[test]
fn an_interrupt_has_one_owner_and_is_an_spi() {
    let twice = verdict(|plan| plan.interrupts[2] = Interrupt { intid: 79, trigger: Trigger::Edge });
    assert_eq!(twice, Err(Violation::Interrupt(name("second"), 79)));
    let private = verdict(|plan| plan.interrupts[2].intid = 27);
    assert_eq!(private, Err(Violation::Interrupt(name("second"), 27)));
    assert_eq!(
        verdict(|plan| plan.interrupts[2].intid = 1020),
        Err(Violation::Interrupt(name("second"), 1020))
    );
}

#[test]
fn a_virtual_uart_raises_an_edge_of_its_own_partition() {
    let raised = |uart, intid| {
        verdict(|plan| {
            plan.partitions[0].uart = Ipa(uart);
            plan.partitions[0].uart_interrupt = intid;
        })
    };
    let refused = |intid| Err(Violation::UartInterrupt(name("first"), intid));
    assert_eq!(raised(0x0900_0000, 79), Ok(()));
    assert_eq!(raised(0x0900_0000, 33), refused(33), "level-sensitive");
    assert_eq!(raised(0x0900_0000, 40), refused(40), "the neighbour's");
    assert_eq!(raised(0x0900_0000, 80), refused(80), "nobody's");
    assert_eq!(raised(0, 79), refused(79), "there is no virtual UART");
}

#[test]
fn a_vmid_is_unique_and_not_zero() {
    assert_eq!(verdict(|plan| plan.partitions[1].vmid = 1), Err(Violation::Vmid(name("second"))));
    assert_eq!(verdict(|plan| plan.partitions[0].vmid = 0), Err(Violation::Vmid(name("first"))));
}

#[test]
fn all_partitions_translate_in_one_form() {
    let verdict = verdict(|plan| plan.partitions[1].vtcr = 0x8002_3558);
    assert_eq!(verdict, Err(Violation::Translation(name("second"))));
}

#[test]
fn a_load_stays_inside_the_partition() {
    assert_eq!(verdict(|plan| plan.loads[1].memory_size = 0x200_0000), Err(Violation::Load(name("second"))));
    assert_eq!(verdict(|plan| plan.loads[1].size = 0x3000), Err(Violation::Load(name("second"))));
    assert_eq!(verdict(|plan| plan.loads[0].source = Pa(0x5000_0000)), Err(Violation::Load(name("first"))));
    assert_eq!(verdict(|plan| plan.partitions[0].entry.0 = 0), Err(Violation::Entry(name("first"))));
}

/// The first partition with its image in place, changed.
fn in_place(change: impl FnOnce(&mut Sample)) -> Result<(), Violation> {
    verdict(|plan| {
        plan.partitions[0].restart = Restart::Never;
        (plan.loads[0].source, plan.loads[0].size) = (Pa(0x4100_0000), 0x2000);
        change(plan);
    })
}

#[test]
fn a_load_in_place_lies_where_it_goes_and_brings_its_zeros() {
    let refused = Err(Violation::Load(name("first")));
    assert_eq!(in_place(|_| {}), Ok(()));
    assert_eq!(in_place(|plan| plan.loads[0].destination = Ipa(0x4000_1000)), refused);
    assert_eq!(in_place(|plan| plan.loads[0].source = Pa(0x4200_0000)), refused, "the neighbour's");
    assert_eq!(in_place(|plan| plan.loads[0].source = Pa(0x403f_f000)), refused, "half in the window");
    assert_eq!(in_place(|plan| plan.loads[0].memory_size = 0x3000), refused, "who would clear the rest?");
    let larger =
        |plan: &mut Sample| (plan.loads[0].size, plan.loads[0].memory_size) = (0x100_1000, 0x100_1000);
    assert_eq!(in_place(larger), refused);
    let wraps = |plan: &mut Sample| (plan.loads[0].size, plan.loads[0].memory_size) = (u64::MAX, u64::MAX);
    assert_eq!(in_place(wraps), refused);
    assert_eq!(
        in_place(|plan| plan.regions[3].kind = RegionKind::Device),
        Err(Violation::NotDevice(name("first"), Pa(0x4100_0000)))
    );
}

#[test]
fn a_partition_in_place_has_one_life() {
    for restart in [Restart::OnRequest, Restart::OnFault] {
        let again = in_place(|plan| plan.partitions[0].restart = restart);
        assert_eq!(again, Err(Violation::NotPristine(name("first"))));
    }
}

#[test]
fn a_step_silences_a_device_of_ones_own() {
    for foreign in [0x4020_0000, 0x4100_0000, 0x4800_0000, 0x0800_0000, 0x080b_0000, 0x0900_0002] {
        let verdict = verdict(|plan| plan.steps[0].address = Pa(foreign));
        assert_eq!(verdict, Err(Violation::Step(name("first"), Pa(foreign))));
    }
    let reset_controller = verdict(|plan| plan.steps[0].address = Pa(0x0a00_0000));
    assert_eq!(reset_controller, Ok(()));
    let console = Sample::default().board.console.base;
    let mute = verdict(|plan| plan.steps[0].address = Pa(console.0 + 0x30));
    assert_eq!(mute, Err(Violation::Step(name("first"), Pa(console.0 + 0x30))), "all speak through it");
    let anothers = verdict(|plan| {
        plan.partitions[0].silence.count = 0;
        plan.partitions[1].silence = Range { start: 0, count: 2 };
    });
    assert_eq!(anothers, Err(Violation::Step(name("second"), Pa(0x0900_0070))));
}

#[test]
fn what_el2_answers_never_reaches_the_firmware() {
    for id in [0x8400_0003, 0xc400_0003, 0x0400_0003, 0x8000_0001, 0x8500_0020, 0xc600_0001] {
        let verdict = verdict(|plan| plan.functions = Some(Function { id, reserved: 0 }));
        assert_eq!(verdict, Err(Violation::Function(name("second"), id)));
    }
}

fn with_spin_table(change: impl FnOnce(&mut Sample)) -> Result<(), Violation> {
    verdict(|plan| {
        *plan = Sample::with_spin_table();
        change(plan);
    })
}

#[test]
fn a_board_without_firmware_is_sound_and_nobody_calls_it() {
    assert_eq!(with_spin_table(|_| {}), Ok(()));
    let called = with_spin_table(|plan| {
        plan.functions = Sample::default().functions;
        plan.partitions[1].functions.count = 1;
    });
    assert_eq!(called, Err(Violation::Function(name("second"), 0x8400_0050)));
}

#[test]
fn a_cpu_waits_where_nobody_but_the_hypervisor_writes() {
    let elsewhere = |place| with_spin_table(|plan| plan.cpus[1].release = Pa(place));
    assert_eq!(elsewhere(0x4000_0ff8), Ok(()));
    for place in [0x4000_0ffc, 0x4200_0000, 0x5000_0000, 0x4020_0000, 0x0900_0000, 0x080b_0000] {
        assert_eq!(elsewhere(place), Err(Violation::Release(1)), "{place:#x}");
    }
    let twice = with_spin_table(|plan| plan.cpus[1].release = plan.cpus[0].release);
    assert_eq!(twice, Err(Violation::DuplicateCpu(0)), "what releases one of them releases both");
    let on_psci = verdict(|plan| plan.cpus[2].release = Pa(0x4000_00d8));
    assert_eq!(on_psci, Err(Violation::Release(2)), "the firmware has it");
}

#[test]
fn a_partition_controls_others_that_there_are() {
    for (controls, index) in [(0b01, 0), (0b100, 0), (0b10, 1)] {
        let verdict = verdict(|plan| plan.partitions[index].controls = controls);
        assert_eq!(verdict, Err(Violation::Control(name(["first", "second"][index]))));
    }
}

#[test]
fn a_partition_does_not_wait_for_hours() {
    let verdict = verdict(|plan| plan.partitions[1].restart_delay = limits::RESTART_DELAY + 1);
    assert_eq!(verdict, Err(Violation::Delay(name("second"))));
}

#[test]
fn an_sgi_frame_belongs_to_the_cpu_it_is_shown_as() {
    let foreign = verdict(|plan| plan.regions[0].span.base = Pa(0x080f_0000));
    assert_eq!(foreign, Err(Violation::GicPage(name("first"), Pa(0x080f_0000))));
    let swapped = verdict(|plan| {
        plan.regions[0].span.base = Pa(0x080d_0000);
        plan.regions[1].span.base = Pa(0x080b_0000);
    });
    assert_eq!(swapped, Err(Violation::GicPage(name("first"), Pa(0x080d_0000))));
}

fn with_gicv2(change: impl FnOnce(&mut Sample)) -> Result<(), Violation> {
    verdict(|plan| {
        *plan = Sample::with_gicv2();
        change(plan);
    })
}

#[test]
fn every_direct_partition_has_the_first_page_of_a_gicv2s_cpu_interface() {
    assert_eq!(with_gicv2(|_| {}), Ok(()));
    let page = Err(Violation::GicPage(name("second"), Pa(0x0801_0000)));
    assert_eq!(with_gicv2(|plan| plan.partitions[1].interrupt_mode = InterruptMode::Guarded), page);
    assert_eq!(with_gicv2(|plan| plan.regions[4].ipa.0 = 0x0802_0000), page);
    assert_eq!(with_gicv2(|plan| plan.regions[4].span.size = 0x2000), page);
    let second = Err(Violation::GicPage(name("second"), Pa(0x0801_1000)));
    assert_eq!(with_gicv2(|plan| plan.regions[4].span.base.0 = 0x0801_1000), second);
    let as_device = Err(Violation::Private(name("second"), Pa(0x0801_0000)));
    assert_eq!(with_gicv2(|plan| plan.regions[4].kind = RegionKind::Device), as_device);
    let on_gicv3 = verdict(|plan| plan.regions[4].kind = RegionKind::CpuInterface);
    assert_eq!(on_gicv3, Err(Violation::GicPage(name("second"), Pa(0x080f_0000))));
}

#[test]
fn a_gicv2_knows_eight_cpus_by_numbers_of_their_own() {
    assert_eq!(with_gicv2(|plan| plan.cpus[2].interface = 8), Err(Violation::Gic));
    assert_eq!(with_gicv2(|plan| plan.cpus[2].interface = 1), Err(Violation::DuplicateCpu(1)));
}

#[test]
fn the_interrupt_that_wakes_is_nobodys() {
    for intid in [0, 27, 33, 1020] {
        assert_eq!(with_gicv2(|plan| plan.board.wake = intid), Err(Violation::Gic), "{intid}");
    }
    assert_eq!(verdict(|plan| plan.board.wake = 287), Err(Violation::Gic), "a GICv3 has SGIs for that");
}

#[test]
fn a_controller_is_of_one_kind() {
    assert_eq!(verdict(|plan| plan.board.gic = GicVersion::V2), Err(Violation::Gic));
    assert_eq!(with_gicv2(|plan| plan.board.gic = GicVersion::V3), Err(Violation::Gic));
    assert_eq!(with_gicv2(|plan| plan.board.distributor.size = 0x1_0000), Err(Violation::Gic));
}

#[test]
fn records_of_one_partition_are_not_anothers() {
    assert_eq!(verdict(|plan| plan.partitions[1].regions.start = 3), Err(Violation::Records(name("second"))));
    assert_eq!(verdict(|plan| plan.partitions[1].loads.count = 0), Err(Violation::Records(name("second"))));
}

#[test]
fn the_window_is_ram_and_holds_the_heap_and_the_tables() {
    assert_eq!(verdict(|plan| plan.board.window.base = Pa(0x3fe0_0000)), Err(Violation::Window));
    assert_eq!(verdict(|plan| plan.board.heap.base = Pa(0x4100_0000)), Err(Violation::Window));
    assert_eq!(verdict(|plan| plan.tables.size = 0x20_0000), Err(Violation::Window));
}
