//! A cheap way to see that files changed.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Modification time, length and inode of some files, absent ones included. Two of them differ when a file was written,
/// replaced, made or removed in between. Costs one `stat` per file, so it may be taken every few seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(Vec<Option<(i64, i64, u64, u64)>>);

impl Fingerprint {
    /// Of these files, links followed.
    pub fn of<P: AsRef<Path>>(files: impl IntoIterator<Item = P>) -> Self {
        let stamp = |path: P| {
            let facts = std::fs::metadata(path).ok()?;
            Some((facts.mtime(), facts.mtime_nsec(), facts.len(), facts.ino()))
        };
        Self(files.into_iter().map(stamp).collect())
    }
}

/// Every file that a configuration directory may hold, whether it exists or not.
pub(crate) fn watched(paths: &crate::Paths) -> Vec<PathBuf> {
    ["providers", "priorities", "server", "contexts"]
        .into_iter()
        .flat_map(|section| paths.candidates(section))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn making_changing_replacing_and_removing_a_file_all_show() {
        let dir = tempfile::tempdir().unwrap();
        let (file, other) = (dir.path().join("a"), dir.path().join("b"));
        let stamp = || Fingerprint::of([&file]);
        let absent = stamp();
        std::fs::write(&file, "one").unwrap();
        let made = stamp();
        assert_ne!(absent, made);
        assert_eq!(made, stamp());
        std::fs::write(&file, "three").unwrap();
        let grown = stamp();
        assert_ne!(made, grown);
        std::fs::write(&other, "three").unwrap();
        std::fs::rename(&other, &file).unwrap();
        assert_ne!(grown, stamp());
        std::fs::remove_file(&file).unwrap();
        assert_eq!(absent, stamp());
    }
}
