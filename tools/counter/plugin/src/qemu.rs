//! QEMU's side: its plugin interface, written down by hand, and the functions that it calls.
//!
//! Version 4 of the interface, as QEMU 9.2 to 10.0 have it; no package has its header. What is declared here
//! is all that is used. Everything unsafe of the plugin is in this file: it is a foreign interface and nothing
//! else.
//!
//! Under `-icount` one thread executes all CPUs in turn and the `vcpu_index` of a callback is that of the CPU
//! for which the block was translated. Registers, however, are those of the CPU that executes, so the stack
//! pointer says which it is; it is read at the beginning of every block at EL2.

#![allow(unsafe_code)]

use crate::option::Options;
use counter::{Books, Cause, Mark, Place};
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::fs;
use std::process::abort;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What QEMU looks for first: the version of the interface that the plugin was written for.
#[unsafe(no_mangle)]
// SAFETY: the name is QEMU's; nothing else in the process has it.
#[allow(non_upper_case_globals)]
pub(crate) static qemu_plugin_version: c_int = 4;

type Id = u64;
/// `qemu_plugin_tb`: a block of instructions.
type Block = c_void;
/// `qemu_plugin_insn`.
type Instruction = c_void;
type Simple = extern "C" fn(Id, c_uint);
type Translated = extern "C" fn(Id, *mut Block);
type Executed = extern "C" fn(c_uint, *mut c_void);
type Exit = extern "C" fn(Id, *mut c_void);

/// `qemu_plugin_cb_flags`: what a callback does with registers.
const NO_REGISTERS: c_uint = 0;
const READS_REGISTERS: c_uint = 1;
/// `qemu_plugin_reg_descriptor`.
#[repr(C)]
struct Descriptor {
    handle: *mut c_void,
    name: *const c_char,
    feature: *const c_char,
}

/// GLib's `GArray` and `GByteArray`.
#[repr(C)]
struct Array<T> {
    data: *mut T,
    length: c_uint,
}

unsafe extern "C" {
    fn qemu_plugin_register_vcpu_init_cb(id: Id, callback: Simple);
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: Id, callback: Translated);
    fn qemu_plugin_register_atexit_cb(id: Id, callback: Exit, user: *mut c_void);
    fn qemu_plugin_register_vcpu_tb_exec_cb(
        block: *mut Block,
        call: Executed,
        flags: c_uint,
        user: *mut c_void,
    );
    fn qemu_plugin_register_vcpu_insn_exec_cb(
        instruction: *mut Instruction,
        callback: Executed,
        flags: c_uint,
        user: *mut c_void,
    );
    fn qemu_plugin_tb_n_insns(block: *const Block) -> usize;
    fn qemu_plugin_tb_get_insn(block: *const Block, index: usize) -> *mut Instruction;
    fn qemu_plugin_insn_data(instruction: *const Instruction, to: *mut c_void, length: usize) -> usize;
    fn qemu_plugin_insn_vaddr(instruction: *const Instruction) -> u64;
    fn qemu_plugin_get_registers() -> *mut Array<Descriptor>;
    fn qemu_plugin_read_register(handle: *mut c_void, to: *mut Array<u8>) -> c_int;

    fn g_byte_array_new() -> *mut Array<u8>;
    fn g_byte_array_set_size(array: *mut Array<u8>, length: c_uint) -> *mut Array<u8>;
    fn g_array_free(array: *mut Array<Descriptor>, free_segment: c_int) -> *mut c_char;
}

/// A register as QEMU knows it; the same for all CPUs.
#[derive(Clone, Copy)]
struct Register(*mut c_void);

/// The registers that are read.
struct Registers {
    pstate: Register,
    sp: Register,
    x0: Register,
    /// Of EL2, which a machine need not have.
    esr: Option<Register>,
    hpfar: Option<Register>,
}

// SAFETY: a handle is a number to QEMU, never followed by us.
unsafe impl Send for Registers {}
// SAFETY: as above.
unsafe impl Sync for Registers {}
static BOOKS: Books = Books::new();
static OPTIONS: OnceLock<Options> = OnceLock::new();
static REGISTERS: OnceLock<Registers> = OnceLock::new();
/// Instructions below EL2.
static GUEST: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Where the CPU stands that this thread executes, while it is at EL2.
    static PLACE: Cell<Place> = Cell::new(Place::of(0));
    /// What registers are read into.
    static BUFFER: *mut Array<u8> = {
        // SAFETY: GLib is part of QEMU, and an array of nothing can always be made.
        unsafe { g_byte_array_new() }
    };
}

/// QEMU's first call: takes the options and asks for more calls. Not zero if that fails.
// SAFETY: the name is QEMU's; nothing else in the process has it.
#[unsafe(no_mangle)]
extern "C" fn qemu_plugin_install(
    id: Id,
    _about: *const c_void,
    count: c_int,
    values: *const *const c_char,
) -> c_int {
    // SAFETY: QEMU passes `count` strings, which live as long as this call.
    let values = unsafe { std::slice::from_raw_parts(values, usize::try_from(count).unwrap_or(0)) };
    let texts = values.iter().map(|value| {
        // SAFETY: as above.
        unsafe { CStr::from_ptr(*value) }.to_str().unwrap_or("text that is not UTF-8")
    });
    let options = match Options::read(texts) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("counter: {why}");
            return 1;
        }
    };
    OPTIONS.get_or_init(|| options);
    // SAFETY: `id` is what QEMU has just given, and the function has the type that QEMU wants.
    unsafe { qemu_plugin_register_vcpu_init_cb(id, on_cpu) };
    // SAFETY: as above.
    unsafe { qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation) };
    // SAFETY: as above.
    unsafe { qemu_plugin_register_atexit_cb(id, on_exit, ptr::null_mut()) };
    0
}

/// A CPU is made: only now can its registers be found.
extern "C" fn on_cpu(_id: Id, _index: c_uint) {
    if REGISTERS.get().is_none() {
        let found = registers().unwrap_or_else(|name| give_up(&format!("the CPU has no register {name}")));
        REGISTERS.get_or_init(|| found);
    }
}

/// A block is translated: asks to be called where it matters.
extern "C" fn on_translation(_id: Id, block: *mut Block) {
    let Some(registers) = REGISTERS.get() else { return };
    let level = registers.pstate.read() >> 2 & 0b11;
    let counts_guest = OPTIONS.get().is_some_and(|options| options.guest);
    // SAFETY: the block is valid during this call.
    let count = unsafe { qemu_plugin_tb_n_insns(block) };
    if level == 2 {
        // SAFETY: as above; registers are read by the callback, as the flag says.
        unsafe { qemu_plugin_register_vcpu_tb_exec_cb(block, on_block, READS_REGISTERS, ptr::null_mut()) };
    }
    let mut uncounted = 0;
    for index in 0..count {
        // SAFETY: as above, and it has an instruction with this number.
        let instruction = unsafe { qemu_plugin_tb_get_insn(block, index) };
        let word = word(instruction);
        if let Some(mark) = Mark::decode(word) {
            count_at(instruction, &mut uncounted);
            let user = ptr::without_provenance_mut(packed(mark));
            call(instruction, on_mark, NO_REGISTERS, user);
        }
        if level == 2 {
            if let Some(vector) = vector(instruction) {
                call(instruction, on_entry, READS_REGISTERS, ptr::without_provenance_mut(vector));
            }
            uncounted += 1;
            if accesses_memory(word) || index + 1 == count {
                count_at(instruction, &mut uncounted);
            }
        } else if counts_guest {
            call(instruction, on_guest_instruction, NO_REGISTERS, ptr::null_mut());
        }
    }
}

/// Has these many instructions counted when this one is about to be executed.
fn count_at(instruction: *mut Instruction, uncounted: &mut usize) {
    if *uncounted != 0 {
        call(instruction, on_instructions, NO_REGISTERS, ptr::without_provenance_mut(*uncounted));
        *uncounted = 0;
    }
}

/// Whether it is of the class of loads and stores (Arm ARM C4.1).
const fn accesses_memory(instruction: u32) -> bool {
    instruction >> 25 & 0b0101 == 0b0100
}

/// A block at EL2 begins.
extern "C" fn on_block(_index: c_uint, _user: *mut c_void) {
    if let Some(registers) = REGISTERS.get() {
        PLACE.set(Place::of(registers.sp.read()));
    }
}

/// So many instructions at EL2.
extern "C" fn on_instructions(_index: c_uint, count: *mut c_void) {
    BOOKS.execute(PLACE.get(), count.addr() as u64);
}

/// An instruction below EL2. QEMU can add without a call, but in version 10.0 not under `-icount`: with more
/// than one CPU its translation is then wrong.
extern "C" fn on_guest_instruction(_index: c_uint, _user: *mut c_void) {
    GUEST.fetch_add(1, Ordering::Relaxed);
}

/// The first instruction of a vector.
extern "C" fn on_entry(_index: c_uint, vector: *mut c_void) {
    let Some(registers @ Registers { esr: Some(esr), hpfar: Some(hpfar), .. }) = REGISTERS.get() else {
        return;
    };
    let syndrome = esr.read();
    let [.., top] = u32::try_from(syndrome & 0xffff_ffff).unwrap_or(0).to_le_bytes();
    let class = top >> 2;
    let detail = match class {
        HVC | SMC => registers.x0.read() & 0xffff_ffff,
        SYSTEM => syndrome & WITHOUT_RT,
        FETCH_ABORT | DATA_ABORT => hpfar.read() >> 4 << 12,
        _ => 0,
    };
    let vector = u8::try_from(vector.addr()).unwrap_or(u8::MAX);
    BOOKS.enter(PLACE.get(), Cause { vector, class, detail });
}

extern "C" fn on_mark(_index: c_uint, user: *mut c_void) {
    if let Some(mark) = u32::try_from(user.addr()).ok().and_then(Mark::decode) {
        BOOKS.mark(mark);
    }
}

extern "C" fn on_exit(_id: Id, _user: *mut c_void) {
    let Some(options) = OPTIONS.get() else { return };
    let text = serde_json::to_string(&BOOKS.report(GUEST.load(Ordering::Relaxed)))
        .unwrap_or_else(|error| give_up(&error.to_string()));
    if let Err(error) = fs::write(&options.out, text) {
        give_up(&format!("{}: {error}", options.out.display()));
    }
}

const HVC: u8 = 0x16;
const SMC: u8 = 0x17;
const SYSTEM: u8 = 0x18;
const FETCH_ABORT: u8 = 0x20;
const DATA_ABORT: u8 = 0x24;
/// ISS of a trapped register, but for the general register that it goes to or comes from.
const WITHOUT_RT: u64 = 0x3f_fc1f;

/// The kind of exception for which the vector at this instruction is, if it is the first of a vector for
/// lower exception levels.
fn vector(instruction: *mut Instruction) -> Option<usize> {
    let vectors = OPTIONS.get()?.vectors?;
    // SAFETY: the instruction is part of the block that is being translated.
    let address = unsafe { qemu_plugin_insn_vaddr(instruction) };
    let offset = address.checked_sub(vectors)?;
    let is_vector = (0x400..0x800).contains(&offset) && offset.is_multiple_of(0x80);
    is_vector.then(|| usize::try_from(offset / 0x80 % 4).ok())?
}

fn call(instruction: *mut Instruction, callback: Executed, flags: c_uint, user: *mut c_void) {
    // SAFETY: the instruction is part of the block that is being translated; `user` is a number.
    unsafe { qemu_plugin_register_vcpu_insn_exec_cb(instruction, callback, flags, user) }
}

/// The instruction itself.
fn word(instruction: *mut Instruction) -> u32 {
    let mut bytes = [0; 4];
    // SAFETY: the instruction is part of the block that is being translated; QEMU writes what fits.
    unsafe { qemu_plugin_insn_data(instruction, bytes.as_mut_ptr().cast(), bytes.len()) };
    u32::from_le_bytes(bytes)
}

fn registers() -> Result<Registers, &'static str> {
    // SAFETY: a CPU is being made, which is when this may be called; the array is the caller's.
    let array = unsafe { qemu_plugin_get_registers() };
    // SAFETY: QEMU has filled it, and nobody else has it.
    let Array { data, length } = unsafe { array.read() };
    // SAFETY: as above.
    let descriptors = unsafe { std::slice::from_raw_parts(data, length as usize) };
    let find = |name: &'static str| {
        let wanted = CString::new(name).unwrap_or_default();
        // SAFETY: the names are strings of QEMU's that live as long as the CPU.
        let is_it =
            |descriptor: &&Descriptor| unsafe { CStr::from_ptr(descriptor.name) } == wanted.as_c_str();
        descriptors.iter().find(is_it).map(|found| Register(found.handle)).ok_or(name)
    };
    let found = Ok(Registers {
        pstate: find("cpsr")?,
        sp: find("sp")?,
        x0: find("x0")?,
        esr: find("ESR_EL2").ok(),
        hpfar: find("HPFAR_EL2").ok(),
    });
    // SAFETY: nobody uses it from here on.
    unsafe { g_array_free(array, 1) };
    found
}

impl Register {
    /// Its value in the CPU that this thread executes.
    fn read(self) -> u64 {
        let buffer = BUFFER.with(|buffer| *buffer);
        // SAFETY: the buffer is this thread's own.
        unsafe { g_byte_array_set_size(buffer, 0) };
        // SAFETY: the handle is QEMU's, and a CPU is executing on this thread, or a block is translated for it.
        if unsafe { qemu_plugin_read_register(self.0, buffer) } <= 0 {
            give_up("QEMU does not give the value of a register; version 4 of the plugin interface does");
        }
        // SAFETY: QEMU has filled the buffer, which nobody changes meanwhile.
        let Array { data, length } = unsafe { buffer.read() };
        // SAFETY: as above.
        let bytes = unsafe { std::slice::from_raw_parts(data, length as usize) };
        bytes.iter().take(8).rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }
}

/// A mark as a number that goes through QEMU.
fn packed(mark: Mark) -> usize {
    mark.encode() as usize
}

fn give_up(why: &str) -> ! {
    eprintln!("counter: {why}");
    abort()
}
