//! Changes to `priorities.json` that the command line and the admin API make.
//!
//! Each is one read-modify-write under the directory's lock. Everything else in the file stays, and a member keeps the
//! spelling it has (`maxRetries` or `max_retries`).

use crate::{
    files::{FileError, update},
    sections::priorities::{Fallback, Strategy},
    suggest::fold,
};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Puts a model at a 1-based position, or at the end. If it is listed already, it moves; the others shift.
    Insert {
        /// `provider/model`.
        model: String,
        /// From 1; beyond the end means the end.
        position: Option<usize>,
    },
    /// Takes a model off the list.
    Remove {
        /// As it is listed.
        model: String,
    },
    /// Empties the list.
    Clear,
    /// Replaces the whole list.
    Replace {
        /// `provider/model`, best first.
        models: Vec<String>,
    },
    /// Sets what is given of the fallback.
    SetFallback {
        /// The strategy.
        strategy: Option<Strategy>,
        /// Further candidates, 0 to 10.
        max_retries: Option<u32>,
    },
}

/// Why a change was not made.
#[derive(Debug, Error)]
pub enum EditError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A name without a provider.
    #[error("`{0}` is no provider/model name")]
    NotAKey(String),
    /// Not on the list.
    #[error("`{0}` is not in the priority list")]
    NotListed(String),
    /// A number out of range.
    #[error("{0}")]
    OutOfRange(&'static str),
    /// What stands in the file is not what the change was made for.
    #[error("the priorities were changed meanwhile")]
    Stale,
    /// The file holds something else where the change belongs.
    #[error("{}: {what}", .path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
}

/// Makes one change to a priorities file, or to a combined file, and returns the list and the fallback that now stand in it.
///
/// # Errors
/// See [`EditError`]; then the file is as it was.
pub fn edit_priorities(path: &Path, edit: Edit) -> Result<(Vec<String>, Fallback), EditError> {
    edit_priorities_if(path, vec![edit], |_, _| true)
}

/// Makes all `edits`, one after the other, or none. They are made when `expected` says of the list and the fallback in the
/// file that they are the ones that the edits are meant for; nobody else writes between that look and the change.
///
/// # Errors
/// See [`EditError`]; then the file is as it was.
pub fn edit_priorities_if(
    path: &Path,
    edits: Vec<Edit>,
    expected: impl FnOnce(&[String], Fallback) -> bool,
) -> Result<(Vec<String>, Fallback), EditError> {
    let shape = |what| EditError::Shape { path: path.to_owned(), what };
    update(path, |members| {
        let mut list = list_of(members).ok_or_else(|| shape("`priorities` is no list of names"))?;
        let mut fallback = fallback_of(members).ok_or_else(|| shape("`fallback` is not valid"))?;
        if !expected(&list, fallback) {
            return Err(EditError::Stale);
        }
        for edit in edits {
            apply(edit, members, &mut list, &mut fallback)?;
        }
        Ok((list, fallback))
    })
}

/// Makes one change, in `members` and in what was read of them.
fn apply(
    edit: Edit,
    members: &mut Map<String, Value>,
    list: &mut Vec<String>,
    fallback: &mut Fallback,
) -> Result<(), EditError> {
    match edit {
        Edit::Insert { model, position } => {
            check_key(&model)?;
            if position == Some(0) {
                return Err(EditError::OutOfRange("positions are counted from 1"));
            }
            insert_at(list, model, position);
        }
        Edit::Remove { model } => {
            let before = list.len();
            list.retain(|listed| !listed.eq_ignore_ascii_case(&model));
            if list.len() == before {
                return Err(EditError::NotListed(model));
            }
        }
        Edit::Clear => list.clear(),
        Edit::Replace { models } => {
            list.clear();
            for model in models {
                check_key(&model)?;
                insert_at(list, model, None);
            }
        }
        Edit::SetFallback { strategy, max_retries } => {
            if max_retries.is_some_and(|retries| retries > 10) {
                return Err(EditError::OutOfRange("fallback retries must be from 0 to 10"));
            }
            fallback.strategy = strategy.unwrap_or(fallback.strategy);
            fallback.max_retries = max_retries.unwrap_or(fallback.max_retries);
            set_fallback(members, *fallback);
            return Ok(());
        }
    }
    set(members, "priorities", json!(list));
    Ok(())
}

/// Puts `item` at a 1-based position, or at the end; an equal item is taken out first and the others shift.
/// `[A, B, C]` + `D` at 2 is `[A, D, B, C]`.
pub fn insert_at(list: &mut Vec<String>, item: String, position: Option<usize>) {
    list.retain(|listed| !listed.eq_ignore_ascii_case(&item));
    let index = position.map_or(list.len(), |position| position.saturating_sub(1).min(list.len()));
    list.insert(index, item);
}

fn check_key(model: &str) -> Result<(), EditError> {
    let named = model.split_once('/').is_some_and(|(provider, name)| !provider.is_empty() && !name.is_empty());
    let clean = model.len() <= 256 && !model.chars().any(|c| c.is_control() || c.is_whitespace());
    if named && clean { Ok(()) } else { Err(EditError::NotAKey(crate::check::shown(model))) }
}

fn list_of(members: &Map<String, Value>) -> Option<Vec<String>> {
    match find(members, "priorities") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(value) => value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
    }
}

fn fallback_of(members: &Map<String, Value>) -> Option<Fallback> {
    let default = Fallback::default();
    let Some(written) = find(members, "fallback").filter(|value| !value.is_null()) else { return Some(default) };
    let written = written.as_object()?;
    let strategy = match find(written, "strategy") {
        Some(word) => Strategy::parse(word.as_str()?)?,
        None => default.strategy,
    };
    let max_retries = match find(written, "maxRetries") {
        Some(number) => u32::try_from(number.as_u64()?).ok()?,
        None => default.max_retries,
    };
    Some(Fallback { strategy, max_retries })
}

fn set_fallback(members: &mut Map<String, Value>, fallback: Fallback) {
    let mut written = find(members, "fallback").and_then(Value::as_object).cloned().unwrap_or_default();
    set(&mut written, "strategy", json!(fallback.strategy.name()));
    set(&mut written, "maxRetries", json!(fallback.max_retries));
    set(members, "fallback", Value::Object(written));
}

/// A member under any of its spellings.
fn find<'a>(members: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    members.iter().find(|(written, _)| fold(written) == fold(key)).map(|(_, value)| value)
}

/// Sets a member under the spelling it already has.
fn set(members: &mut Map<String, Value>, key: &str, value: Value) {
    let written = members.keys().find(|written| fold(written) == fold(key)).cloned();
    members.insert(written.unwrap_or_else(|| key.to_owned()), value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|&item| item.to_owned()).collect()
    }

    #[test]
    fn an_inserted_entry_shifts_the_others_and_a_listed_one_moves() {
        let table: [(&str, Option<usize>, &[&str]); 6] = [
            ("D", Some(2), &["A", "D", "B", "C"]),
            ("D", None, &["A", "B", "C", "D"]),
            ("D", Some(99), &["A", "B", "C", "D"]),
            ("C", Some(1), &["C", "A", "B"]),
            ("A", Some(3), &["B", "C", "A"]),
            ("B", Some(2), &["A", "B", "C"]),
        ];
        for (item, position, expected) in table {
            let mut list = strings(&["A", "B", "C"]);
            insert_at(&mut list, item.to_owned(), position);
            assert_eq!(list, expected, "{item} at {position:?}");
        }
    }

    #[test]
    fn edits_go_to_the_file_and_keep_what_else_stands_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("priorities.json");
        std::fs::write(&path, r#"{"mine": 1, "fallback": {"max_retries": 3, "x": true}, "priorities": ["a/m"]}"#)
            .unwrap();
        let insert = |model: &str, position| edit_priorities(&path, Edit::Insert { model: model.to_owned(), position });
        insert("b/m", Some(1)).unwrap();
        edit_priorities(&path, Edit::SetFallback { strategy: Some(Strategy::None), max_retries: None }).unwrap();
        let (list, fallback) = insert("c/x/y", None).unwrap();
        assert_eq!(list, ["b/m", "a/m", "c/x/y"]);
        assert_eq!(fallback, Fallback { strategy: Strategy::None, max_retries: 3 });
        let text: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(
            text.to_string(),
            r#"{"mine":1,"fallback":{"max_retries":3,"x":true,"strategy":"none"},"priorities":["b/m","a/m","c/x/y"]}"#
        );
        edit_priorities(&path, Edit::Remove { model: "a/m".into() }).unwrap();
        let (list, _) = edit_priorities(&path, Edit::Clear).unwrap();
        assert!(list.is_empty());
    }

    #[test]
    fn a_missing_file_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("conf/priorities.json");
        edit_priorities(&path, Edit::Insert { model: "a/m".into(), position: Some(1) }).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\n  \"priorities\": [\n    \"a/m\"\n  ]\n}\n");
    }

    #[test]
    fn several_edits_are_made_together_or_not_at_all_and_only_in_the_expected_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("priorities.json");
        let insert = |model: &str| Edit::Insert { model: model.to_owned(), position: None };
        edit_priorities_if(&path, vec![insert("a/m"), insert("b/m")], |list, _| list.is_empty()).unwrap();
        let before = std::fs::read_to_string(&path).unwrap();
        let stale = edit_priorities_if(&path, vec![insert("c/m")], |list, _| list.is_empty());
        assert!(matches!(stale, Err(EditError::Stale)));
        let failing = edit_priorities_if(&path, vec![insert("c/m"), Edit::Remove { model: "d/m".into() }], |_, _| true);
        assert!(matches!(failing, Err(EditError::NotListed(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    }

    #[test]
    fn bad_edits_are_refused_and_change_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("priorities.json");
        let table = [
            (Edit::Insert { model: "bare".into(), position: None }, "`bare` is no provider/model name"),
            (Edit::Insert { model: "a/".into(), position: None }, "`a/` is no provider/model name"),
            (Edit::Insert { model: "a/m".into(), position: Some(0) }, "positions are counted from 1"),
            (Edit::Remove { model: "a/m".into() }, "`a/m` is not in the priority list"),
            (Edit::SetFallback { strategy: None, max_retries: Some(11) }, "fallback retries must be from 0 to 10"),
        ];
        for (edit, message) in table {
            assert_eq!(edit_priorities(&path, edit).unwrap_err().to_string(), message);
        }
        assert!(!path.exists());
    }
}
