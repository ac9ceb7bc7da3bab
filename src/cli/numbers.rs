//! Numbers on the command line, each with the range that makes sense.

fn number(text: &str, words: &str, fits: impl Fn(f64) -> bool) -> Result<f64, String> {
    text.parse().ok().filter(|value: &f64| value.is_finite() && fits(*value)).ok_or_else(|| format!("expected {words}"))
}

pub fn positive(text: &str) -> Result<f64, String> {
    number(text, "a number above 0", |value| value > 0.0)
}

pub fn not_negative(text: &str) -> Result<f64, String> {
    number(text, "a number of at least 0", |value| value >= 0.0)
}

pub fn below_one(text: &str) -> Result<f64, String> {
    number(text, "a number from 0 to below 1", |value| (0.0..1.0).contains(&value))
}
