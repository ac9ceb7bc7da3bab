//! The `convlens` program: everything is in the library, see [`convlens::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    convlens::cli::main()
}
