//! Build script of every guest: links it as `guest.ld` says.
//!
//! Cargo hands link arguments only to the package whose build script prints them, so this file serves
//! them all: a guest names it by `build = "../rt/link.rs"`. The precompiled `core` has relocations in
//! read-only sections, hence `notext`; the guest relocates itself, hence no dynamic linker.

use std::env;
use std::path::PathBuf;

fn main() -> Result<(), env::VarError> {
    let guest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let script = guest.with_file_name("rt").join("guest.ld");
    println!("cargo::rerun-if-changed={}", script.display());
    println!("cargo::rustc-link-arg-bins=--script={}", script.display());
    for argument in ["-pie", "-znotext", "-zmax-page-size=4096", "--no-dynamic-linker"] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    Ok(())
}
