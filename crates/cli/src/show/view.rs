//! One result, four ways to print it.

use super::escape::{self, shown, shown_value};
use crate::failure::Failure;
use clap::ValueEnum;
use comfy_table::{Table, presets};
use serde_json::Value;
use std::io::{self, Write};

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // No help of their own: the option would take a page.
    Table,
    Kv,
    Json,
    Yaml,
}

/// A result as people read it.
#[derive(Debug)]
pub(crate) enum View {
    /// Several things of one kind; a table unless another format is asked for.
    Rows {
        /// The columns' names.
        head: Vec<&'static str>,
        /// One cell per column.
        rows: Vec<Vec<String>>,
    },
    /// One thing; lines unless another format is asked for.
    Record(Vec<(&'static str, String)>),
}

/// Prints a result: `view` for people, `value` for programs.
///
/// # Errors
/// Standard output does not take it.
pub(crate) fn print(format: Option<Format>, value: &Value, view: &View) -> Result<(), Failure> {
    let text = match (format, view) {
        (Some(Format::Json), _) => escape::json(value),
        (Some(Format::Yaml), _) => serde_saphyr::to_string(&shown_value(value)).map_err(Failure::runtime)?,
        (None | Some(Format::Table), View::Rows { head, rows }) => columns(Some(head), rows),
        (Some(Format::Table), View::Record(pairs)) => columns(None, &cells(pairs)),
        (None | Some(Format::Kv), View::Record(pairs)) => {
            lines(pairs.iter().map(|(key, value)| (*key, value.as_str())))
        }
        (Some(Format::Kv), View::Rows { head, rows }) => {
            let blocks = rows.iter().map(|row| lines(head.iter().copied().zip(row.iter().map(String::as_str))));
            blocks.collect::<Vec<_>>().join("\n\n")
        }
    };
    put(text.trim_end())
}

/// Writes text and a line end to standard output. A reader that went away, such as `head`, is no error.
///
/// # Errors
/// Standard output does not take it.
pub(crate) fn put(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::runtime(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Cells in aligned columns, every one made harmless.
pub(crate) fn columns(head: Option<&[&'static str]>, rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if let Some(head) = head {
        table.set_header(head.iter().copied());
    }
    table.add_rows(rows.iter().map(|row| row.iter().map(|cell| shown(cell).into_owned()).collect::<Vec<_>>()));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn cells(pairs: &[(&'static str, String)]) -> Vec<Vec<String>> {
    pairs.iter().map(|(key, value)| vec![(*key).to_owned(), value.clone()]).collect()
}

fn lines<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    pairs.map(|(key, value)| format!("{key}: {}", shown(value))).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_end_without_spaces() {
        let rows = vec![vec!["1".to_owned(), "demo/hello".to_owned()], vec!["-".to_owned(), "a\u{1b}b".to_owned()]];
        let text = columns(Some(&["Priority", "Model Key"]), &rows);
        assert_eq!(text, "Priority  Model Key\n1         demo/hello\n-         a\\u{1b}b");
    }
}
