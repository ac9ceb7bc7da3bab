//! One value of a table, and its two spellings.

use crate::graph::figures::{decimal, field_text, grouped, short, signed, signed_whole};

/// A value with the way in which people read it. [`Cell::shown`] is for people, [`Cell::plain`] for programs.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Words, as they are.
    Text(String),
    /// Nothing stands here.
    Blank,
    /// There is none: `–` for people, nothing for programs.
    None,
    /// `138,357,544`.
    Count(u128),
    /// A count in four figures, `15.47 G`.
    Short(u64),
    /// A difference: `+1,792`, `−64`; nothing for people where there is none.
    Difference(i128),
    /// A figure with so many decimal places.
    Decimal(f64, usize),
    /// A figure of any size: four places, or a power of ten.
    Figure(f64),
    /// A part of one, read in percent with so many places.
    Share(f64, usize),
    /// How many times the first: `1.20×`.
    Ratio(f64),
    /// From the first to the last, counted from 0 at the input's edge: `−3 to 7`.
    Range(i128, i128),
    /// A difference with its ratio, and what is left of it where there is little room.
    Against(String, String),
    /// Rows and columns of a receptive field: `212`, `92×60`, `?` where it is undefined.
    Field(Option<[u128; 2]>),
}

impl Cell {
    pub fn text(words: impl Into<String>) -> Cell {
        Cell::Text(words.into())
    }

    pub fn count(count: impl Into<u128>) -> Cell {
        Cell::Count(count.into())
    }

    /// A count of which 0 means that there is nothing of the kind.
    pub fn count_or_none(count: u64) -> Cell {
        if count == 0 { Cell::None } else { Cell::count(count) }
    }

    /// What `cell` makes of a value, or [`Cell::None`].
    pub fn or_none<T>(value: Option<T>, cell: impl FnOnce(T) -> Cell) -> Cell {
        value.map_or(Cell::None, cell)
    }

    /// As people read it.
    pub fn shown(&self) -> String {
        match self {
            Cell::Text(words) => words.clone(),
            Cell::Blank => String::new(),
            Cell::None => "–".to_string(),
            Cell::Count(count) => grouped(*count),
            Cell::Short(count) => short(*count),
            Cell::Difference(difference) => signed(*difference),
            Cell::Decimal(value, places) => format!("{value:.places$}"),
            Cell::Figure(value) => decimal(*value),
            Cell::Share(share, places) => format!("{:.places$}%", 100.0 * share),
            Cell::Ratio(ratio) => format!("{ratio:.2}×"),
            Cell::Range(first, last) => format!("{} to {}", signed_whole(*first), signed_whole(*last)),
            Cell::Against(whole, _) => whole.clone(),
            Cell::Field(sides) => field_text(*sides),
        }
    }

    /// As people read it where there is little room: counts in four figures, `924.8M`.
    pub fn brief(&self) -> String {
        let small =
            |count: u128| u64::try_from(count).map_or_else(|_| grouped(count), |own| short(own).replace(' ', ""));
        match self {
            Cell::Count(count) => small(*count),
            Cell::Short(count) => small(u128::from(*count)),
            Cell::Difference(0) => String::new(),
            Cell::Difference(own) => format!("{}{}", if *own > 0 { "+" } else { "−" }, small(own.unsigned_abs())),
            Cell::Against(_, ratio) => ratio.clone(),
            other => other.shown(),
        }
    }

    /// As programs read it: every digit, no thousands' commas, an ASCII minus, a share as a part of one, nothing for none.
    pub fn plain(&self) -> String {
        match self {
            Cell::Text(words) | Cell::Against(words, _) => words.clone(),
            Cell::Blank | Cell::None => String::new(),
            Cell::Count(count) => count.to_string(),
            Cell::Short(count) => count.to_string(),
            Cell::Difference(difference) => difference.to_string(),
            Cell::Decimal(value, _) | Cell::Figure(value) | Cell::Share(value, _) | Cell::Ratio(value) => {
                value.to_string()
            }
            Cell::Range(first, last) => format!("{first} to {last}"),
            Cell::Field(None) => "?".to_string(),
            Cell::Field(Some([rows, columns])) if rows == columns => rows.to_string(),
            Cell::Field(Some([rows, columns])) => format!("{rows}×{columns}"),
        }
    }
}

impl From<String> for Cell {
    fn from(words: String) -> Cell {
        Cell::Text(words)
    }
}

impl From<&str> for Cell {
    fn from(words: &str) -> Cell {
        Cell::Text(words.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_programs_read_the_same_value() {
        let cells = [
            (Cell::count(138_357_544_u64), "138,357,544", "138357544"),
            (Cell::Short(15_470_264_320), "15.47 G", "15470264320"),
            (Cell::Difference(-1792), "−1,792", "-1792"),
            (Cell::Difference(0), "", "0"),
            (Cell::count_or_none(0), "–", ""),
            (Cell::Decimal(12.3456, 2), "12.35", "12.3456"),
            (Cell::Share(0.12345, 1), "12.3%", "0.12345"),
            (Cell::Ratio(1.0 / 4.0), "0.25×", "0.25"),
            (Cell::Figure(2.5e7), "2.500e7", "25000000"),
            (Cell::Range(-1003, 7), "−1,003 to 7", "-1003 to 7"),
            (Cell::Field(Some([1212, 1212])), "1,212", "1212"),
            (Cell::Field(Some([1092, 60])), "1,092×60", "1092×60"),
            (Cell::Field(None), "?", "?"),
            ("1,2 − 3".into(), "1,2 − 3", "1,2 − 3"),
        ];
        for (cell, shown, plain) in cells {
            assert_eq!((cell.shown().as_str(), cell.plain().as_str()), (shown, plain), "{cell:?}");
        }
    }
}
