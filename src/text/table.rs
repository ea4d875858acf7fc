//! Tables in text: values separated by commas, semicolons or tabs, in quotes where they hold one.

/// The rows of a table (RFC 4180, leniently): cells without the white space around them; empty rows are left out.
pub fn rows(text: &str, separator: char) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (vec![], vec![], Cell::default());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if cell.is_open && chars.peek() == Some(&'"') => {
                chars.next();
                cell.text.push('"');
            }
            '"' if cell.is_open => cell.is_open = false,
            '"' if cell.text.trim().is_empty() && !cell.is_quoted => {
                cell = Cell { is_open: true, is_quoted: true, text: String::new() };
            }
            _ if cell.is_open => cell.text.push(c),
            '\n' => {
                row.push(std::mem::take(&mut cell).close());
                rows.push(std::mem::take(&mut row));
            }
            _ if c == separator => row.push(std::mem::take(&mut cell).close()),
            _ => cell.text.push(c),
        }
    }
    row.push(cell.close());
    rows.push(row);
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
    rows
}

#[derive(Default)]
struct Cell {
    text: String,
    is_open: bool,
    is_quoted: bool,
}

impl Cell {
    fn close(self) -> String {
        self.text.trim().to_owned()
    }
}

/// What separates the cells of a table: a tab, a semicolon or a comma, the first that every row has; none where no row is
/// divided.
pub fn separator(text: &str) -> Option<char> {
    let divides = |separator: &char| {
        let rows = rows(text, *separator);
        !rows.is_empty() && rows.iter().all(|row| row.len() > 1)
    };
    ['\t', ';', ','].into_iter().find(divides)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_separators_lines_and_quotes() {
        let text = "a, \"b, c\" ,d\n\n\"x \"\"y\"\" \nz\",5\" disk,\n";
        assert_eq!(rows(text, ','), [vec!["a", "b, c", "d"], vec!["x \"y\" \nz", "5\" disk", ""]]);
    }

    #[test]
    fn the_separator_is_what_every_row_has() {
        for (text, expected) in [
            ("0\ttench, Tinca tinca\n1\tgoldfish\n", Some('\t')),
            ("0;a, b\n1;c", Some(';')),
            ("0,a\n1,c;d", Some(',')),
            ("tench, Tinca tinca\ngoldfish", None),
            ("\"a, b\"\n\"c, d\"", None),
            ("", None),
        ] {
            assert_eq!(separator(text), expected, "{text}");
        }
    }
}
