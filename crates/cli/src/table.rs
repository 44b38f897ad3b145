//! Tables of plain text.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width, presets::NOTHING};

use crate::{failure::Result, terminal::Terminal, visible::visible};

/// A column: its title, and how it is set.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Sentences, broken over lines where a terminal is narrow.
    Text,
    /// Never broken: ids, names and instants, which are copied.
    Whole,
    /// Never broken, set to the right.
    Number,
}

impl Column {
    pub(crate) const fn text(title: &'static str) -> Self {
        Self { title, kind: Kind::Text }
    }

    pub(crate) const fn whole(title: &'static str) -> Self {
        Self { title, kind: Kind::Whole }
    }

    pub(crate) const fn number(title: &'static str) -> Self {
        Self { title, kind: Kind::Number }
    }
}

/// A table in portions: columns keep at least the width that they had before, and the titles stand once.
///
/// On a terminal it is fitted to its width; elsewhere every row is one line, whatever its length, and columns are set apart
/// by spaces. Cells are made [`visible`].
pub(crate) struct Table {
    columns: Vec<Column>,
    widths: Vec<u16>,
    titles_due: bool,
    is_whole: bool,
    /// The columns of the screen, where they are known.
    screen: Option<u16>,
}

impl Table {
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            widths: vec![0; columns.len()],
            titles_due: true,
            is_whole: false,
            screen: None,
        }
    }

    /// The same, all of it in one portion: on a terminal, columns in which nothing stands are left out.
    pub(crate) fn in_one_portion(self) -> Self {
        Self { is_whole: true, ..self }
    }

    /// The same without titles.
    pub(crate) fn without_titles(self) -> Self {
        Self { titles_due: false, ..self }
    }

    /// Prints these rows; nothing, not even titles, where there are none.
    pub(crate) fn print(&mut self, rows: &[Vec<String>], terminal: &mut Terminal) -> Result<()> {
        self.screen = terminal.width;
        for line in self.lines(rows, terminal.shows_output) {
            terminal.print(line)?;
        }
        Ok(())
    }

    /// The lines of these rows, fitted to the terminal if there is one.
    pub(crate) fn lines(&mut self, rows: &[Vec<String>], on_terminal: bool) -> Vec<String> {
        if rows.is_empty() {
            return Vec::new();
        }
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING);
        if on_terminal {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            if let Some(width) = self.screen {
                table.set_width(width);
            }
        } else {
            table.force_no_tty();
        }
        if self.titles_due {
            table.set_header(self.columns.iter().map(|column| column.title));
            self.titles_due = false;
        }
        for row in rows {
            table.add_row(row.iter().map(|cell| visible(cell)));
        }

        let widths = table.column_max_content_widths();
        for (widest, width) in self.widths.iter_mut().zip(widths) {
            *widest = (*widest).max(width);
        }
        let hides_empty = self.is_whole && on_terminal;
        let is_empty = |index: usize| rows.iter().all(|row| row[index].is_empty());
        for (index, set) in table.column_iter_mut().enumerate() {
            let (column, width) = (self.columns[index], self.widths[index]);
            if hides_empty && is_empty(index) {
                set.set_constraint(ColumnConstraint::Hidden);
                continue;
            }
            // Room for the gap to the next column belongs to the width.
            let whole = width.saturating_add(GAP);
            set.set_padding((0, GAP));
            if column.kind == Kind::Number {
                set.set_cell_alignment(CellAlignment::Right);
            }
            set.set_constraint(match column.kind {
                Kind::Text if on_terminal => {
                    let least = width.min(SENTENCE).saturating_add(GAP);
                    ColumnConstraint::LowerBoundary(Width::Fixed(least))
                }
                Kind::Text => ColumnConstraint::LowerBoundary(Width::Fixed(whole)),
                Kind::Whole | Kind::Number => ColumnConstraint::Absolute(Width::Fixed(whole)),
            });
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

/// Spaces between columns.
const GAP: u16 = 2;

/// A sentence is not broken into shorter lines than this; where even that has no room, the terminal breaks the row.
const SENTENCE: u16 = 30;

#[cfg(all(test, feature = "memory"))]
mod tests {
    use super::*;
    use crate::testing::Captured;

    #[test]
    fn portions_of_a_table_stand_under_each_other() -> Result<()> {
        let captured = Captured::default();
        let mut terminal = captured.terminal(None);
        let mut table =
            Table::new(&[Column::whole("ID"), Column::number("JOBS"), Column::text("NAME")]);
        let row = |id: &str, jobs: &str, name: &str| {
            vec![id.to_owned(), jobs.to_owned(), name.to_owned()]
        };

        table.print(&[row("longer", "1000000", "a\tb\u{1b}[2J c")], &mut terminal)?;
        table.print(&[row("x", "2", &"long ".repeat(60))], &mut terminal)?;
        table.print(&[], &mut terminal)?;

        terminal.flush()?;
        let text = captured.output();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "ID         JOBS  NAME");
        assert_eq!(lines[1], "longer  1000000  a\\tb\\u{1b}[2J c");
        assert_eq!(lines[2], format!("x             2  {}", "long ".repeat(60).trim_end()));
        assert_eq!(lines.len(), 3);
        Ok(())
    }
}
