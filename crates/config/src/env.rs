//! The environment, and the `.env` file that may add to it.

use std::{collections::BTreeMap, ffi::OsString};
use thiserror::Error;

/// Environment variables as one value, so that nothing below reaches for the process's own.
#[derive(Clone, Debug, Default)]
pub struct Env {
    variables: BTreeMap<String, Variable>,
}

#[derive(Clone)]
struct Variable {
    value: String,
    from_file: bool,
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A line of a `.env` file that is no assignment.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {what}")]
pub struct DotenvError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

impl Env {
    /// From pairs, such as `std::env::vars_os()`. Names and values that are not UTF-8 are left out.
    pub fn new<K: Into<OsString>, V: Into<OsString>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let variables = pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name.into().into_string().ok()?, value.into().into_string().ok()?)))
            .map(|(name, value)| (name, Variable { value, from_file: false }))
            .collect();
        Self { variables }
    }

    /// Adds the assignments of a `.env` file. A variable that is set, even to nothing, keeps its value.
    ///
    /// # Errors
    /// A line is no assignment; then nothing is added.
    pub fn with_dotenv(mut self, text: &str) -> Result<Self, DotenvError> {
        for (name, value) in parse_dotenv(text)? {
            let from_file = |existing: &Variable| existing.from_file;
            if self.variables.get(&name).is_none_or(from_file) {
                self.variables.insert(name, Variable { value, from_file: true });
            }
        }
        Ok(self)
    }

    /// A variable's value without surrounding white space; `None` when it is unset or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|variable| variable.value.trim()).filter(|value| !value.is_empty())
    }

    /// Whether a variable is set, be it to nothing.
    pub fn is_set(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// The names of all variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }
}

/// `NAME=value`, `export NAME="v"`, `NAME='v'`; `#` begins a comment at the start of a line or after white space.
fn parse_dotenv(text: &str) -> Result<Vec<(String, String)>, DotenvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line_is = |what| DotenvError { line: index + 1, what };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let (name, value) = line.split_once('=').ok_or_else(|| line_is("expected NAME=value"))?;
        let name = name.trim_end();
        let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !valid {
            return Err(line_is("the name before `=` is no variable name"));
        }
        found.push((name.to_owned(), dotenv_value(value.trim()).ok_or_else(|| line_is("a quote is not closed"))?));
    }
    Ok(found)
}

/// A value with its quotes and comment taken off; `None` when a quote is not closed.
fn dotenv_value(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix('\'') {
        return rest.split_once('\'').map(|(value, _)| value.to_owned());
    }
    if let Some(rest) = text.strip_prefix('"') {
        let mut value = String::new();
        let mut chars = rest.chars();
        loop {
            match chars.next()? {
                '"' => return Some(value),
                '\\' => value.push(match chars.next()? {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    other => other,
                }),
                other => value.push(other),
            }
        }
    }
    let comment = text.find(" #").or_else(|| text.starts_with('#').then_some(0));
    Some(text[..comment.unwrap_or(text.len())].trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotenv_file_adds_what_is_not_set() {
        let env = Env::new([("SET", "process"), ("EMPTY", "")]);
        let text = "# comment\n\nSET=file\nEMPTY=file\nexport A = plain value # note\nB=\"two\\nlines # kept\"\nC='$raw\\n'\nD=\nE=a=b#c\nA=later\n";
        let env = env.with_dotenv(text).unwrap();
        assert_eq!(env.get("SET"), Some("process"));
        assert_eq!(env.get("EMPTY"), None);
        assert_eq!(env.get("A"), Some("later"));
        assert_eq!(env.get("B"), Some("two\nlines # kept"));
        assert_eq!(env.get("C"), Some("$raw\\n"));
        assert_eq!(env.get("D"), None);
        assert_eq!(env.get("E"), Some("a=b#c"));
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, line) in [("A=1\nnonsense\n", 2), ("1A=x", 1), ("A B=x", 1), ("A=\"open", 1), ("\n\nA='open", 3)] {
            assert_eq!(Env::default().with_dotenv(text).unwrap_err().line, line, "{text}");
        }
    }

    #[test]
    fn debug_shows_no_value() {
        assert!(!format!("{:?}", Env::new([("OPENAI_API_KEY", "sk-planted")])).contains("planted"));
    }
}
