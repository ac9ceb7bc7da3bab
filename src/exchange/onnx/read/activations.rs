//! Activations that ONNX, or an older version of it, has no operator for.

use super::net::{Net, Part, Value};
use crate::graph::Operation;
use crate::spec::describe::Activation;

/// The known number that a value is multiplied by.
fn factor(net: &Net, value: Value) -> Option<(f64, Value)> {
    match net.part(value)? {
        Part::Multiply(own) => Some((own.scalar()?, net.only_input(value)?)),
        _ => None,
    }
}

/// The known number that is added to a value.
fn addend(net: &Net, value: Value) -> Option<(f64, Value)> {
    match net.part(value)? {
        Part::Add(own) => Some((own.scalar()?, net.only_input(value)?)),
        _ => None,
    }
}

fn near(value: f64, wanted: f64) -> bool {
    (value - wanted).abs() <= 1e-4 * wanted.abs()
}

fn activation_of(net: &Net, value: Value) -> Option<(Activation, Value)> {
    match net.operation(value)? {
        Operation::Activation(own) => Some((*own, net.only_input(value)?)),
        _ => None,
    }
}

/// Both orders of the two factors of a product.
fn product(net: &Net, value: Value) -> Option<[(Value, Value); 2]> {
    match (net.operation(value)?, &net.step(value)?.inputs[..]) {
        (Operation::Multiply, &[one, other]) => Some([(one, other), (other, one)]),
        _ => None,
    }
}

/// `min(max(x + 3, 0), 6)`.
fn shifted_clip(net: &Net, value: Value) -> Option<Value> {
    let (Activation::Relu6, inside) = activation_of(net, value)? else { return None };
    addend(net, inside).filter(|(more, _)| *more == 3.0).map(|(_, x)| x)
}

/// `1 + erf(x/√2)`, or its likeness by the hyperbolic tangent.
fn gelu_inside(net: &Net, value: Value) -> Option<(Activation, Value)> {
    let (1.0, inside) = addend(net, value)? else { return None };
    if matches!(net.part(inside), Some(Part::Erf)) {
        let (by, x) = factor(net, net.only_input(inside)?)?;
        return near(by, std::f64::consts::FRAC_1_SQRT_2).then_some((Activation::Gelu, x));
    }
    let (Activation::Tanh, scaled) = activation_of(net, inside)? else { return None };
    let (root, sum) = factor(net, scaled)?;
    let (Operation::Add, &[one, other]) = (net.operation(sum)?, &net.step(sum)?.inputs[..]) else { return None };
    let cube = |x: Value, small: Value| {
        let (share, cube) = factor(net, small)?;
        let is_square =
            |own: Value| matches!(net.step(own).map(|step| &step.inputs[..]), Some(&[a, b]) if a == x && b == x);
        let is_product = || {
            let [(one, other), _] = product(net, cube)?;
            (is_square(one) && other == x || is_square(other) && one == x).then_some(())
        };
        let is_power = matches!(net.part(cube), Some(Part::Power(3.0))) && net.only_input(cube) == Some(x);
        let is_cube = is_power || is_product().is_some();
        (near(share, 0.044715) && is_cube).then_some(x)
    };
    let x = cube(one, other).or_else(|| cube(other, one))?;
    near(root, (2.0 / std::f64::consts::PI).sqrt()).then_some((Activation::GeluTanh, x))
}

/// The activation that a value is, and of what.
pub fn found(net: &Net, value: Value) -> Option<(Activation, Value)> {
    if let Some(factors) = product(net, value) {
        for (x, gate) in factors {
            let soft = || {
                let (Activation::Tanh, inside) = activation_of(net, gate)? else { return None };
                (matches!(net.part(inside), Some(Part::Softplus)) && net.only_input(inside) == Some(x)).then_some(())
            };
            let found = match activation_of(net, gate) {
                Some((Activation::Sigmoid, inside)) if inside == x => Some(Activation::Silu),
                Some((Activation::HardSigmoid, inside)) if inside == x => Some(Activation::HardSwish),
                _ if soft().is_some() => Some(Activation::Mish),
                _ => None,
            };
            if let Some(found) = found {
                return Some((found, x));
            }
            // x · ½(1 + erf …) and ½x · (1 + erf …).
            let halved = |half: Value| factor(net, half).filter(|(by, _)| *by == 0.5).map(|(_, own)| own);
            if let Some((found, inside)) = halved(gate).and_then(|gate| gelu_inside(net, gate))
                && inside == x
            {
                return Some((found, x));
            }
            if let (Some(own), Some((found, inside))) = (halved(x), gelu_inside(net, gate))
                && own == inside
            {
                return Some((found, inside));
            }
        }
    }
    let (by, inside) = factor(net, value)?;
    if near(by, 1.0 / 6.0) {
        if let Some(x) = shifted_clip(net, inside) {
            return Some((Activation::HardSigmoid, x));
        }
        let factors = product(net, inside)?;
        let swish = factors.into_iter().find(|&(x, gate)| shifted_clip(net, gate) == Some(x));
        return swish.map(|(x, _)| (Activation::HardSwish, x));
    }
    // ½(x · (1 + erf …)).
    let factors = product(net, inside).filter(|_| by == 0.5)?;
    factors.into_iter().find_map(|(x, gate)| gelu_inside(net, gate).filter(|(_, inside)| *inside == x))
}
