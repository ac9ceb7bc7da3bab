//! Rows of cells under headings, written for a terminal, as CSV or as Markdown.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table as Grid, Width, presets};
use unicode_width::UnicodeWidthStr;

use super::Cell;
use crate::visible::visible;

/// Longest word that is not broken where a table is too wide.
const LONGEST: usize = 24;

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
    /// Names of columns that may be left out, the first one first.
    order: Vec<String>,
    /// Whether all its counts are of one kind, and have one format.
    is_alike: bool,
}

/// How a table is fitted into a width.
struct Fit {
    /// Columns that are shown.
    kept: Vec<usize>,
    /// Whether each column's counts are brief.
    brief: Vec<bool>,
    /// Columns of a terminal between two columns.
    gap: usize,
}

impl Table {
    pub fn new(columns: impl IntoIterator<Item = Column>, rows: impl IntoIterator<Item = Vec<Cell>>) -> Table {
        let (columns, rows) = (columns.into_iter().collect(), rows.into_iter().collect());
        let table = Table { columns, rows, order: Vec::new(), is_alike: false };
        debug_assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "a cell for every column");
        table
    }

    /// Says which columns may be left out where there is no room, the first named first.
    pub fn may_drop(mut self, order: &[&str]) -> Table {
        self.order = order.iter().map(|name| name.to_string()).collect();
        self
    }

    /// Says that counts stand beside one another to be compared: all are brief, or none.
    pub fn alike(mut self) -> Table {
        self.is_alike = true;
        self
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

    fn cell(&self, row: &[Cell], column: usize, fit: &Fit) -> String {
        let text = if fit.brief[column] { row[column].brief() } else { row[column].shown() };
        visible(&text).into_owned()
    }

    /// The widest of a column.
    fn widest(&self, column: usize, is_brief: bool) -> usize {
        let text = |cell: &Cell| if is_brief { cell.brief() } else { cell.shown() };
        let cells = self.rows.iter().map(|row| visible(&text(&row[column])).width());
        cells.max().unwrap_or(0).max(visible(&self.columns[column].name).width())
    }

    fn taken(&self, fit: &Fit) -> usize {
        fit.kept.iter().map(|column| self.widest(*column, fit.brief[*column]) + fit.gap).sum()
    }

    /// Whether a column has this name, or this one and whose it is: `params vgg11`.
    fn is_of(&self, column: usize, name: &str) -> bool {
        let rest = self.columns[column].name.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }

    /// Counts get brief before columns move together, and these do before any is left out. No number is ever broken.
    fn fit(&self, width: usize) -> Fit {
        let count = self.columns.len();
        let mut fit = Fit { kept: (0..count).collect(), brief: vec![false; count], gap: 2 };
        while self.taken(&fit) > width {
            let gained = |column: &usize| self.widest(*column, false).saturating_sub(self.widest(*column, true));
            let numbers = fit.kept.iter().copied().filter(|at| self.columns[*at].is_number && !fit.brief[*at]);
            let Some(column) = numbers.max_by_key(gained).filter(|column| gained(column) > 0) else { break };
            // Figures that are compared have one format.
            let name = self.columns[column].name.split(' ').next().unwrap_or_default();
            (0..count).filter(|at| self.is_alike || self.is_of(*at, name)).for_each(|at| fit.brief[at] = true);
        }
        if self.taken(&fit) > width {
            fit.gap = 1;
        }
        for name in &self.order {
            if self.taken(&fit) <= width {
                break;
            }
            fit.kept.retain(|column| !self.is_of(*column, name));
        }
        fit
    }

    /// Lines for a terminal of `width` columns: counts get brief, columns are left out and words wrapped, until it fits; as wide as they
    /// come where no width is given.
    pub fn text(&self, width: Option<usize>) -> Vec<String> {
        let all = Fit { kept: (0..self.columns.len()).collect(), brief: vec![false; self.columns.len()], gap: 2 };
        let fit = width.map_or(all, |width| self.fit(width));
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING);
        grid.set_header(fit.kept.iter().map(|at| visible(&self.columns[*at].name).into_owned()));
        let rows = self.rows.iter().map(|row| fit.kept.iter().map(|at| self.cell(row, *at, &fit)).collect::<Vec<_>>());
        grid.add_rows(rows);
        for (index, at) in fit.kept.iter().enumerate() {
            let Some(column) = grid.column_mut(index) else { continue };
            if fit.gap == 1 {
                column.set_padding((0, 1));
            }
            if self.columns[*at].is_number {
                column.set_cell_alignment(CellAlignment::Right);
                column.set_constraint(ColumnConstraint::ContentWidth);
            } else {
                // Words wrap between them, and are not broken.
                let words = self.rows.iter().map(|row| self.cell(row, *at, &fit));
                let words: Vec<String> = words.collect();
                let longest = words.iter().flat_map(|cell| cell.split_whitespace()).map(str::width).max().unwrap_or(0);
                let least = u16::try_from(longest.min(LONGEST) + fit.gap).unwrap_or(u16::MAX);
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
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
    fn a_table_fits_by_brief_counts_then_by_fewer_columns_and_breaks_no_number() {
        let columns =
            [Column::words("layer"), Column::number("params"), Column::number("MACs"), Column::number("field")];
        let row =
            vec!["block1.conv2".into(), Cell::count(36_928_u64), Cell::count(1_849_688_064_u64), Cell::count(5_u64)];
        let table = Table::new(columns, [row]).may_drop(&["field", "params"]);
        let line = |width: usize| table.text(Some(width)).last().cloned().expect("a row");
        assert_eq!(line(60), " block1.conv2  36,928  1,849,688,064      5");
        assert_eq!(line(38), " block1.conv2  36,928  1.850G      5");
        assert_eq!(line(33), "block1.conv2 36,928 1.850G     5");
        assert_eq!(line(28), "block1.conv2 36,928 1.850G");
        assert_eq!(line(22), "block1.conv2 1.850G");
        for width in 12..80 {
            let text = table.text(Some(width)).join(" ");
            assert!(text.contains("1,849,688,064") || text.contains("1.850G"), "{width}: {text}");
        }
    }

    #[test]
    fn what_is_compared_gets_brief_together() {
        let columns = |names: [&str; 2]| [Column::words("layer"), Column::number(names[0]), Column::number(names[1])];
        let row = || vec!["linear1".into(), Cell::count(134_503_528_u64), Cell::count(9_356_017_u64)];
        let line = |table: Table| table.text(Some(31)).last().expect("a row").clone();
        let whole = line(Table::new(columns(["one", "other"]), [row()]));
        assert_eq!(whole, " linear1  134.5M  9,356,017");
        // By name, or since the table says so.
        assert_eq!(line(Table::new(columns(["n 1", "n 2"]), [row()])), " linear1  134.5M  9.356M");
        assert_eq!(line(Table::new(columns(["one", "other"]), [row()]).alike()), " linear1  134.5M  9.356M");
    }
}
