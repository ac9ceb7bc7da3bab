//! Sums in f64 of many f32 values, sixteen side by side: one after the other each addition would wait for the last. The order is
//! the same on every processor.

use super::simd::widest;

const ABREAST: usize = 16;

/// Σ x.
pub fn sum(values: &[f32]) -> f64 {
    sums(values, values, |x, _| [x, 0.0])[0]
}

/// Σ (x − origin) and Σ (x − origin)².
pub fn moments(values: &[f32], origin: f64) -> [f64; 2] {
    sums(values, values, |x, _| [x - origin, (x - origin) * (x - origin)])
}

/// Σ dy·(x − mean)·inverse and Σ dy.
pub fn products(dy: &[f32], x: &[f32], mean: f32, inverse: f32) -> [f64; 2] {
    sums(x, dy, |x, dy| [dy * f64::from((x as f32 - mean) * inverse), dy])
}

/// The sums of the two values that `each` makes of every pair.
#[inline(always)]
fn sums(values: &[f32], others: &[f32], each: impl Fn(f64, f64) -> [f64; 2]) -> [f64; 2] {
    let mut total = [0.0; 2];
    widest(
        #[inline(always)]
        || {
            let (chunks, rest) = values.as_chunks::<ABREAST>();
            let (other_chunks, other_rest) = others.as_chunks::<ABREAST>();
            let mut lanes = [[0.0f64; ABREAST]; 2];
            for (values, others) in chunks.iter().zip(other_chunks) {
                for lane in 0..ABREAST {
                    let [one, other] = each(values[lane].into(), others[lane].into());
                    lanes[0][lane] += one;
                    lanes[1][lane] += other;
                }
            }
            for (value, other) in rest.iter().zip(other_rest) {
                let [one, other] = each((*value).into(), (*other).into());
                lanes[0][0] += one;
                lanes[1][0] += other;
            }
            total = lanes.map(|lanes| lanes.iter().sum());
        },
    );
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_definition_for_every_remainder() {
        for count in [0, 1, 15, 16, 17, 50] {
            let x: Vec<f32> = (0..count).map(|value| (value * 7 % 11) as f32).collect();
            let dy: Vec<f32> = (0..count).map(|value| (value * 3 % 5) as f32 - 2.0).collect();
            assert_eq!(sum(&x), x.iter().map(|&x| f64::from(x)).sum::<f64>());
            let squares: f64 = x.iter().map(|&x| (f64::from(x) - 3.0).powi(2)).sum();
            assert_eq!(moments(&x, 3.0), [sum(&x) - 3.0 * count as f64, squares]);
            let along: f64 = x.iter().zip(&dy).map(|(x, dy)| f64::from(dy * (x - 1.0) * 2.0)).sum();
            assert_eq!(products(&dy, &x, 1.0, 2.0), [along, sum(&dy)]);
        }
    }
}
