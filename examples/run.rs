//! Runs a network on a grey picture, with drawn weights or a file's: `cargo run --release --example run -- lenet5 [WEIGHTS]`.

#![allow(clippy::disallowed_macros, reason = "a program of its own prints as it likes")]

use std::path::Path;

use convlens::Network;

fn main() -> Result<(), convlens::Error> {
    let mut arguments = std::env::args().skip(1);
    let network = Network::load(&arguments.next().unwrap_or_else(|| "lenet5".into()))?;
    let mut model = match arguments.next() {
        Some(weights) => network.trained(Path::new(&weights))?,
        None => network.drawn(0),
    };
    let [channels, height, width] = network.input();
    let picture = vec![0.5; (channels * height * width) as usize];
    for (class, value) in model.run(&picture)?[0].iter().enumerate() {
        println!("{class:>4} {value:.4}");
    }
    Ok(())
}
