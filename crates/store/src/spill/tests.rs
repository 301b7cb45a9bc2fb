use super::*;
use crate::conformance::{row, rows};
use std::os::unix::fs::PermissionsExt;

fn read_all(file: SpillFile) -> Vec<AttemptRecord> {
    let mut reader = file.read().unwrap();
    let mut all = Vec::new();
    loop {
        let some = reader.next_rows(2).unwrap();
        if some.is_empty() {
            reader.finish().unwrap();
            return all;
        }
        all.extend(some);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn rows_come_back_in_order_and_the_file_goes() {
    let folder = tempfile::tempdir().unwrap();
    let spill = Spill::new(folder.path().into());
    spill.append(&rows(0..3)).unwrap();
    spill.append(&rows(3..5)).unwrap();
    assert_eq!(read_all(spill.take_oldest().unwrap().unwrap()), rows(0..5));
    assert!(names(folder.path()).is_empty());
    assert!(spill.take_oldest().unwrap().is_none());
}

#[test]
fn rows_appended_during_a_replay_go_to_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let spill = Spill::new(folder.path().into());
    spill.append(&rows(0..1)).unwrap();
    let first = spill.take_oldest().unwrap().unwrap();
    spill.append(&rows(1..2)).unwrap();
    let second = spill.take_oldest().unwrap().unwrap();
    assert_eq!((read_all(first), read_all(second)), (rows(0..1), rows(1..2)));
}

#[test]
fn a_file_is_left_to_the_process_that_writes_it_until_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (mine, theirs) = (Spill::new(folder.path().into()), Spill::new(folder.path().into()));
    theirs.append(&rows(0..1)).unwrap();
    assert!(mine.take_oldest().unwrap().is_none());
    drop(theirs);
    assert_eq!(read_all(mine.take_oldest().unwrap().unwrap()), rows(0..1));
}

#[test]
fn a_replay_that_was_given_up_starts_again_from_the_first_row() {
    let folder = tempfile::tempdir().unwrap();
    let spill = Spill::new(folder.path().into());
    spill.append(&rows(0..3)).unwrap();
    let mut given_up = spill.take_oldest().unwrap().unwrap().read().unwrap();
    given_up.next_rows(2).unwrap();
    drop(given_up);
    assert_eq!(read_all(spill.take_oldest().unwrap().unwrap()), rows(0..3));
}

#[test]
fn the_line_that_a_killed_process_was_writing_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let whole = serde_json::to_string(&row(1)).unwrap();
    fs::write(folder.path().join("ledger-spill-0-1-0.jsonl"), format!("{whole}\n{}", &whole[..50])).unwrap();
    let spill = Spill::new(folder.path().into());
    assert_eq!(read_all(spill.take_oldest().unwrap().unwrap()), [row(1)]);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_file_with_lines_that_cannot_be_read_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let whole = serde_json::to_string(&row(1)).unwrap();
    fs::write(folder.path().join("ledger-spill-0-1-0.jsonl"), format!("{{}}\n{whole}\n")).unwrap();
    let spill = Spill::new(folder.path().into());
    assert_eq!(read_all(spill.take_oldest().unwrap().unwrap()), [row(1)]);
    assert_eq!(names(folder.path()), ["ledger-spill-0-1-0.unreadable"]);
}

#[test]
fn a_removed_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let spill = Spill::new(folder.path().into());
    spill.append(&rows(0..1)).unwrap();
    fs::remove_file(folder.path().join(&names(folder.path())[0])).unwrap();
    spill.append(&rows(1..2)).unwrap();
    assert_eq!(read_all(spill.take_oldest().unwrap().unwrap()), rows(1..2));
}

#[test]
fn nobody_else_may_read_spilled_rows() {
    let folder = tempfile::tempdir().unwrap();
    Spill::new(folder.path().into()).append(&rows(0..1)).unwrap();
    let file = folder.path().join(&names(folder.path())[0]);
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}
