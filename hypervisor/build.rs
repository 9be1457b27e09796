//! Links the hypervisor by its own linker script.
//!
//! Only for the target: on a host the crate is not built.

fn main() {
    println!("cargo:rerun-if-changed=hypervisor.ld");
    println!("cargo:rustc-link-arg-bins=-T{}/hypervisor.ld", env!("CARGO_MANIFEST_DIR"));
}
