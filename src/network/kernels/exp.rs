//! The exponential in plain arithmetic, so that the compiler takes many values at a time: the system's takes one after the other,
//! and EfficientNet-B0 spent two fifths of its time in it.
//!
//! exp(x) = 2ⁿ·exp(r) with n = ⌊x/ln 2⌉ and |r| ≤ ln 2/2, exp(r) by Cephes' polynomial (Moshier, `expf`): within 2e-7 of the true
//! value, relatively.

/// What is added to round to the nearest whole number: 1.5·2²³, whose last bits then hold it.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts, the first exact in few bits.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// NaN stays; what would be below 1.2e-38 is that, what would be above 2.4e38 is that.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.3, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let polynomial =
        ((((1.987_569_1e-4 * r + 1.398_199_9e-3) * r + 8.333_452e-3) * r + 4.166_579_6e-2) * r + 1.666_666_5e-1) * r
            + 0.5;
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    (polynomial * r * r + r + 1.0) * power
}

/// 1/(1 + exp(−x)).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential_to_the_error_that_is_stated() {
        for step in -87_000..88_000 {
            let x = step as f32 * 1e-3 + 1.7e-4;
            let (got, exact) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((got / exact - 1.0).abs() < 2e-7, "exp({x}) is {got}, not {exact}");
        }
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn what_is_beyond_f32_and_what_is_no_number_stays_in_bounds() {
        assert!(exp(f32::NAN).is_nan() && sigmoid(f32::NAN).is_nan());
        assert!(exp(f32::NEG_INFINITY) < 1.3e-38 && exp(f32::INFINITY) > 1e38 && exp(1e30).is_finite());
        assert_eq!((sigmoid(200.0), sigmoid(f32::INFINITY)), (1.0, 1.0));
        assert!(sigmoid(-200.0) < 1e-37);
    }
}
