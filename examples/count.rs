//! Counts a network: `cargo run --release --example count -- vgg16`.

#![allow(clippy::disallowed_macros, reason = "a program of its own prints as it likes")]

use convlens::Network;

fn main() -> Result<(), convlens::Error> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "vgg16".into());
    let network = Network::load(&name)?;
    for layer in network.layers().iter().filter(|layer| layer.params > 0) {
        println!("{:<24} {:>12}  {}", layer.name, layer.params, layer.working.params);
    }
    let totals = network.totals();
    println!("{}: {} parameters, {} MACs", network.name(), totals.params, totals.macs);
    Ok(())
}
