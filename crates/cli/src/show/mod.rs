//! What commands print: views of data as a table, as lines, as JSON or as YAML.

mod escape;
mod view;
mod words;

pub(crate) use escape::shown;
pub(crate) use view::{Format, View, columns, print, put};
pub(crate) use words::{shell, span};
