//! Trains a network on generated patterns: `cargo run --release --example train -- tinyvgg`.

#![allow(clippy::disallowed_macros, reason = "a program of its own prints as it likes")]

use std::ops::ControlFlow;

use convlens::Network;

fn main() -> Result<(), convlens::Error> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "tinyvgg".into());
    let training = Network::load(&name)?.training().data("synthetic")?.recipe("epochs=2 batch=16 lr=0.005")?;
    let outcome = training.run(|step| {
        if step.step.is_multiple_of(8) {
            println!("step {:>3}  loss {:.3}", step.step, step.loss);
        }
        ControlFlow::Continue(())
    })?;
    let accuracy = outcome.accuracy.map_or_else(|| "none".into(), |part| format!("{:.1}%", 100.0 * part));
    println!("{} steps, accuracy {accuracy}", outcome.steps);
    Ok(())
}
