//! Numbers as people read them.

use super::Layer;
use crate::spec::describe::{Pair, Sides};

/// `1792` as `1,792`.
pub fn grouped(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 variant`, `2 variants`.
pub fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A figure with four places, or with a power of ten where it is too large for that to be read.
pub fn decimal(value: f64) -> String {
    if value.abs() >= 1e6 { format!("{value:.3e}") } else { format!("{value:.4}") }
}

/// `3`, or `3×5` where rows and columns differ.
pub fn pair(pair: Pair) -> String {
    match pair.height == pair.width {
        true => pair.height.to_string(),
        false => format!("{}×{}", pair.height, pair.width),
    }
}

/// The receptive field's size: `76`, `76×40`, or `?` where it is undefined.
pub fn field(layer: &Layer) -> String {
    match layer.field_size() {
        None => "?".to_string(),
        Some([rows, columns]) if rows == columns => rows.to_string(),
        Some([rows, columns]) => format!("{rows}×{columns}"),
    }
}

/// A whole number with a minus sign as wide as a plus.
pub fn signed_whole(number: i128) -> String {
    format!("{}{}", if number < 0 { "−" } else { "" }, grouped(number.unsigned_abs()))
}

/// The padding of a window: `1`, `1×2` for rows and columns, `0,1,0,1` for top, bottom, left and right.
pub fn padding(sides: Sides) -> String {
    match sides.symmetric() {
        Some(both) => pair(both),
        None => format!("{},{},{},{}", sides.top, sides.bottom, sides.left, sides.right),
    }
}

/// The size of a field: `212`, `92×60`, or `?` where it is undefined.
pub fn field_text(field: Option<[u128; 2]>) -> String {
    match field {
        None => "?".to_string(),
        Some([rows, columns]) if rows == columns => grouped(rows),
        Some([rows, columns]) => format!("{}×{}", grouped(rows), grouped(columns)),
    }
}

/// A difference with its sign: `+1,792`, `−64`; nothing for none.
pub fn signed(difference: i128) -> String {
    let sign = if difference > 0 { "+" } else { "−" };
    if difference == 0 { String::new() } else { format!("{sign}{}", grouped(difference.unsigned_abs())) }
}

/// As [`signed`], in four figures: `+1.792 k`.
pub fn signed_short(difference: i128) -> String {
    let sign = if difference > 0 { "+" } else { "−" };
    let size = u64::try_from(difference.unsigned_abs()).unwrap_or(u64::MAX);
    if difference == 0 { String::new() } else { format!("{sign}{}", short(size)) }
}

/// `138.4 M`, `15.47 G`, four figures; counts below 10,000 in full.
pub fn short(count: u64) -> String {
    const UNITS: [&str; 5] = ["k", "M", "G", "T", "P"];
    if count < 10_000 {
        return grouped(count);
    }
    let mut value = count as f64 / 1e3;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    let decimals = if value < 9.9995 {
        3
    } else if value < 99.995 {
        2
    } else {
        1
    };
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// `553.4 MB`: decimal units, as disks and PyTorch's tools count.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1e3;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}
