//! Files on disk: read whole, written whole.
//!
//! A write goes to a new file beside the target (mode 0600), is synced, renamed over the target, and the directory is
//! synced: after a crash the old or the new content stands there, never half of it. Read-modify-write happens under a lock
//! of the directory, with a fresh read, so that a server and a command line never lose each other's changes. A target that
//! is a symbolic link is not written: the rename would silently replace the link.
//!
//! Reading follows links: container platforms mount configuration and secrets as links.

use crate::document::{self, BadDocument, Format};
use serde_json::{Map, Value};
use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};
use thiserror::Error;

/// No configuration file is larger.
const LARGEST: u64 = 16 << 20;

/// Why a file could not be read or written. Every message names the file.
#[derive(Debug, Error)]
pub enum FileError {
    /// The system refused.
    #[error("{}: cannot {action}: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried, such as `read`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The content is no configuration document.
    #[error("{}: {source}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: BadDocument,
    },
    /// The target is a symbolic link.
    #[error("{}: is a symbolic link and is not written through; change the file it points at", .0.display())]
    Link(PathBuf),
    /// The new content cannot be written in the file's format.
    #[error("{}: cannot be written: {why}", .path.display())]
    Render {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

impl FileError {
    fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), action, source }
    }
}

/// A file's bytes; `None` when there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::io(path, "open")(error)),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(FileError::io(path, "read"))?;
    if bytes.len() as u64 > LARGEST {
        return Err(FileError::io(path, "read")(io::Error::other("larger than 16 MiB")));
    }
    Ok(Some(bytes))
}

/// A file's document and how it is written; `None` when there is no such file.
pub(crate) fn read_document(path: &Path) -> Result<Option<(Value, Format)>, FileError> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    document::parse(path, &bytes).map(Some).map_err(|source| FileError::Content { path: path.to_owned(), source })
}

/// Whether others than the owner may read the file.
pub(crate) fn is_exposed(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o077 != 0)
}

/// Replaces a file as the module says. The directory is made (0700) when it is missing.
///
/// # Errors
/// The system refuses, or the target is a symbolic link.
pub fn write_atomic(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let dir = parent(path);
    make_dir(dir)?;
    if fs::symlink_metadata(path).is_ok_and(|facts| facts.is_symlink()) {
        return Err(FileError::Link(path.to_owned()));
    }
    let mut temporary = tempfile::Builder::new()
        .prefix(".router-maestro-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(dir)
        .map_err(FileError::io(dir, "make a file in"))?;
    temporary.write_all(content).map_err(FileError::io(path, "write"))?;
    temporary.as_file().sync_all().map_err(FileError::io(path, "sync"))?;
    temporary.persist(path).map_err(|error| FileError::io(path, "replace")(error.error))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(FileError::io(dir, "sync"))
}

/// Reads a document, lets `change` edit it, and writes it back, all under the directory's lock. A missing file begins as an
/// empty map. Members that `change` does not touch stay, in their order. When nothing changed, nothing is written.
///
/// # Errors
/// The file cannot be read or written, or `change` fails; then the file is as it was.
pub fn update<T, E: From<FileError>>(
    path: &Path,
    change: impl FnOnce(&mut Map<String, Value>) -> Result<T, E>,
) -> Result<T, E> {
    let _lock = lock(parent(path))?;
    let (before, format) = match read_document(path)? {
        Some((value, format)) => (value, format),
        None => (Value::Object(Map::new()), Format::of(path, "{")),
    };
    let mut members = before.as_object().cloned().unwrap_or_default();
    let outcome = change(&mut members)?;
    let after = Value::Object(members);
    if after != before {
        let text = document::render(&after, format).map_err(|why| FileError::Render { path: path.to_owned(), why })?;
        write_atomic(path, text.as_bytes())?;
    }
    Ok(outcome)
}

/// An exclusive lock of a directory's files, held until it is dropped. Waits for whoever holds it.
fn lock(dir: &Path) -> Result<File, FileError> {
    make_dir(dir)?;
    let path = dir.join(".router-maestro.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(FileError::io(&path, "open"))?;
    file.lock().map_err(FileError::io(&path, "lock"))?;
    Ok(file)
}

fn make_dir(dir: &Path) -> Result<(), FileError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(FileError::io(dir, "make the directory"))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_file_and_its_directory_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("conf/contexts.json");
        write_atomic(&path, b"{}").unwrap();
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert!(is_exposed(&path));
        write_atomic(&path, b"{}").unwrap();
        assert_eq!(mode(&path), 0o600);
        let left: Vec<_> =
            fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["contexts.json"]);
    }

    #[test]
    fn an_update_keeps_unknown_members_and_their_order() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("a.json", "{\"z\": 1, \"mine\": {\"y\": 2, \"x\": 3}, \"a\": []}"),
            ("a.yaml", "z: 1\nmine: {y: 2, x: 3}\na: []\n"),
        ] {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            update(&path, |members| {
                members.insert("z".into(), json!("new"));
                Ok::<_, FileError>(())
            })
            .unwrap();
            let (value, _) = read_document(&path).unwrap().unwrap();
            assert_eq!(value.to_string(), r#"{"z":"new","mine":{"y":2,"x":3},"a":[]}"#);
        }
    }

    #[test]
    fn a_failed_or_empty_change_leaves_the_file_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        fs::write(&path, "{ \"a\":1 }").unwrap();
        let refused = update(&path, |members| {
            members.clear();
            Err::<(), _>(FileError::Link(PathBuf::from("x")))
        });
        assert!(refused.is_err());
        update(&path, |_| Ok::<_, FileError>(())).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{ \"a\":1 }");
    }

    #[test]
    fn a_broken_file_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        fs::write(&path, "{\"a\": ").unwrap();
        let error = update(&path, |_| Ok::<_, FileError>(())).unwrap_err();
        assert!(error.to_string().contains("a.json"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"a\": ");
    }

    #[test]
    fn a_link_is_not_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link.json"));
        fs::write(&real, "{}").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(matches!(write_atomic(&link, b"{\"a\":1}"), Err(FileError::Link(_))));
        assert_eq!(fs::read_to_string(&real).unwrap(), "{}");
    }

    #[test]
    fn concurrent_updates_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    for round in 0..5 {
                        update(path, |members| {
                            members.insert(format!("{worker}-{round}"), json!(true));
                            Ok::<_, FileError>(())
                        })
                        .unwrap();
                    }
                });
            }
        });
        assert_eq!(read_document(&path).unwrap().unwrap().0.as_object().unwrap().len(), 20);
    }
}
