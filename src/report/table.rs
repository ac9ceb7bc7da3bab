//! Rows of cells under headings, written for a terminal, as CSV or as Markdown.

use comfy_table::{CellAlignment, ContentArrangement, Table as Grid, presets};
use unicode_width::UnicodeWidthStr;

use super::Cell;
use crate::visible::visible;

/// A heading, and whether numbers stand below it (at the right).
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub is_number: bool,
}

impl Column {
    pub fn words(name: impl Into<String>) -> Column {
        Column { name: name.into(), is_number: false }
    }

    pub fn number(name: impl Into<String>) -> Column {
        Column { name: name.into(), is_number: true }
    }
}

/// Every row has a cell for every column.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new(columns: impl IntoIterator<Item = Column>, rows: impl IntoIterator<Item = Vec<Cell>>) -> Table {
        let table = Table { columns: columns.into_iter().collect(), rows: rows.into_iter().collect() };
        debug_assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "a cell for every column");
        table
    }

    /// Leaves columns out, the first named first, until the table is no wider than so many columns of a terminal.
    pub fn narrow(&mut self, width: usize, order: &[&str]) {
        for name in order {
            let widest = |column: usize| {
                let cells = self.rows.iter().map(|row| visible(&row[column].shown()).width());
                cells.max().unwrap_or(0).max(visible(&self.columns[column].name).width())
            };
            // A space on either side.
            let taken: usize = (0..self.columns.len()).map(|column| widest(column) + 2).sum();
            if taken <= width {
                return;
            }
            if let Some(at) = self.columns.iter().position(|own| own.name == *name) {
                self.columns.remove(at);
                self.rows.iter_mut().for_each(|row| drop(row.remove(at)));
            }
        }
    }

    /// The headings.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The rows as people read them, for pages of other kinds than those below.
    pub fn rows(&self) -> impl Iterator<Item = Vec<String>> {
        self.rows.iter().map(|row| Self::shown(row).collect())
    }

    fn names(&self) -> impl Iterator<Item = String> {
        self.columns.iter().map(|column| visible(&column.name).into_owned())
    }

    /// Cells are made visible one by one, so that a line break in one breaks no line.
    fn shown(row: &[Cell]) -> impl Iterator<Item = String> {
        row.iter().map(|cell| visible(&cell.shown()).into_owned())
    }

    /// Lines for a terminal of `width` columns, wrapped to it; as wide as they come where none is given.
    pub fn text(&self, width: Option<usize>) -> Vec<String> {
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING);
        grid.set_header(self.names());
        grid.add_rows(self.rows.iter().map(|row| Self::shown(row)));
        for (index, own) in self.columns.iter().enumerate() {
            if let Some(column) = grid.column_mut(index).filter(|_| own.is_number) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        if let Some(width) = width {
            grid.set_content_arrangement(ContentArrangement::Dynamic);
            grid.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        }
        grid.lines().map(|line| line.trim_end().to_string()).collect()
    }

    /// Comma-separated values (RFC 4180), a line of headings first, the values as programs read them.
    pub fn csv(&self) -> Result<String, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.names())?;
        for row in &self.rows {
            writer.write_record(row.iter().map(|cell| visible(&cell.plain()).into_owned()))?;
        }
        let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A table of GitHub's Markdown, a line a row.
    pub fn markdown(&self) -> Vec<String> {
        let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
        let escaped = |cell: String| cell.replace('|', "\\|");
        let rule = |column: &Column| if column.is_number { "---:" } else { "---" }.to_string();
        let head = [line(self.names().map(escaped).collect()), line(self.columns.iter().map(rule).collect())];
        let rows = self.rows.iter().map(|row| line(Self::shown(row).map(escaped).collect()));
        head.into_iter().chain(rows).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let columns = [Column::words("name|kind"), Column::number("params"), Column::number("share")];
        let row =
            |name: &str, params: u64, share: f64| vec![name.into(), Cell::count_or_none(params), Cell::Share(share, 0)];
        Table::new(columns, [row("a,\u{1b}|b", 1792, 0.256), row("relu", 0, 0.0)])
    }

    #[test]
    fn a_table_is_written_in_three_ways() {
        assert_eq!(
            table().text(None),
            [" name|kind   params  share", " a,\\u{1b}|b   1,792    26%", " relu             –     0%"]
        );
        assert_eq!(table().csv().expect("CSV"), "name|kind,params,share\n\"a,\\u{1b}|b\",1792,0.256\nrelu,,0\n");
        assert_eq!(
            table().markdown(),
            [
                "| name\\|kind | params | share |",
                "| --- | ---: | ---: |",
                "| a,\\u{1b}\\|b | 1,792 | 26% |",
                "| relu | – | 0% |"
            ]
        );
    }

    #[test]
    fn columns_are_left_out_in_the_order_that_is_named() {
        let mut narrow = table();
        narrow.narrow(20, &["share", "params"]);
        assert_eq!(narrow.text(None)[0], " name|kind   params");
        narrow.narrow(12, &["share", "params"]);
        assert_eq!(narrow.text(None)[0], " name|kind");
    }
}
