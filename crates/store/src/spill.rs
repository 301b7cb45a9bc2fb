//! Rows that could not go to the database, one JSON line each, in files that only grow.
//!
//! Each process appends to a file of its own, `ledger-spill-<first row's time>-<process>-<n>.jsonl`, and holds a lock on it
//! for as long as it uses it; the kernel gives the lock back when the process dies. So whoever gets the lock of another
//! file knows that nobody will append to it again, and may replay it into the database and remove it. Replaying a file
//! twice does no harm, since the database keeps each attempt once: a crash between the two steps costs nothing.

use crate::record::AttemptRecord;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufRead, BufReader, ErrorKind, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

const PREFIX: &str = "ledger-spill-";
const SUFFIX: &str = ".jsonl";
/// No row is longer; what is longer is damage.
const MAX_LINE_BYTES: u64 = 64 << 10;

/// The spill files of one data directory.
pub(crate) struct Spill {
    folder: PathBuf,
    /// The file this process appends to, once there was something to append.
    current: Mutex<Option<SpillFile>>,
    /// Set whenever there may be something to replay.
    pub(crate) grew: Notify,
}

/// A spill file whose lock we hold.
pub(crate) struct SpillFile {
    path: PathBuf,
    file: File,
    /// Up to where it holds whole lines.
    size_bytes: u64,
}

impl Spill {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, current: Mutex::new(None), grew: Notify::new() }
    }

    /// Appends all rows or none. Returns when the operating system has them, which survives the death of this process.
    pub(crate) fn append(&self, rows: &[AttemptRecord]) -> io::Result<()> {
        let Some(first) = rows.first() else { return Ok(()) };
        let mut lines = Vec::with_capacity(rows.len() * 600);
        for row in rows {
            serde_json::to_writer(&mut lines, row)?;
            lines.push(b'\n');
        }
        let mut current = self.current();
        match &mut *current {
            Some(file) if file.is_linked()? => file.append(&lines)?,
            other => other.insert(SpillFile::create(&self.folder, first.at_ms)?).append(&lines)?,
        }
        drop(current);
        self.grew.notify_one();
        Ok(())
    }

    /// The oldest file that is ours or nobody's. If it is the one we append to, the next append begins another.
    pub(crate) fn take_oldest(&self) -> io::Result<Option<SpillFile>> {
        let mut current = self.current();
        for path in self.files()? {
            if let Some(own) = current.take_if(|own| own.path == path) {
                return Ok(Some(own));
            }
            if let Some(orphan) = SpillFile::adopt(path)? {
                return Ok(Some(orphan));
            }
        }
        Ok(None)
    }

    /// All spill files, oldest first.
    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX)) {
                paths.push(entry.path());
            }
        }
        paths.sort_unstable();
        Ok(paths)
    }

    fn current(&self) -> MutexGuard<'_, Option<SpillFile>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SpillFile {
    fn create(folder: &Path, at_ms: i64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let process = std::process::id();
        let mut number = 0_u32;
        loop {
            let path = folder.join(format!("{PREFIX}{at_ms:013}-{process}-{number}{SUFFIX}"));
            match OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) if is_ours(&file)? => return Ok(Self { path, file, size_bytes: 0 }),
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => number += 1,
            }
        }
    }

    /// Takes over a file if whoever wrote it is gone.
    fn adopt(path: PathBuf) -> io::Result<Option<Self>> {
        let file = match OpenOptions::new().read(true).append(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let adopted = is_ours(&file)?;
        Ok(adopted.then_some(Self { path, file, size_bytes: 0 }))
    }

    /// Whether the file still has a name; what goes into one that was removed is lost.
    fn is_linked(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.nlink() > 0)
    }

    /// On a full disk the part that was written is taken back, so that the file ends with a whole line.
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(lines) {
            self.file.set_len(self.size_bytes)?;
            return Err(error);
        }
        self.size_bytes += lines.len() as u64;
        Ok(())
    }

    /// Starts reading at the first row.
    pub(crate) fn read(mut self) -> io::Result<SpillReader> {
        self.file.rewind()?;
        Ok(SpillReader { path: self.path, lines: BufReader::new(self.file), unreadable: 0 })
    }
}

/// Locks the file; false if another process has it, or has just replayed and removed it.
fn is_ours(file: &File) -> io::Result<bool> {
    Ok(file.try_lock().is_ok() && file.metadata()?.nlink() > 0)
}

/// Reads a spill file from its start, holding its lock until it is dropped.
pub(crate) struct SpillReader {
    path: PathBuf,
    lines: BufReader<File>,
    unreadable: u32,
}

impl SpillReader {
    /// The next rows, at most `limit`; none at the end.
    pub(crate) fn next_rows(&mut self, limit: usize) -> io::Result<Vec<AttemptRecord>> {
        let mut rows = Vec::new();
        let mut line = Vec::new();
        while rows.len() < limit {
            line.clear();
            if (&mut self.lines).take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            match serde_json::from_slice(&line) {
                Ok(row) => rows.push(row),
                // A last line without its end is what a killed process was writing.
                Err(_) if line.last() != Some(&b'\n') => {}
                Err(_) => self.unreadable += 1,
            }
        }
        Ok(rows)
    }

    /// Removes the file; if it had lines that could not be read, it is kept under another name for a person to look at.
    pub(crate) fn finish(self) -> io::Result<()> {
        if self.unreadable == 0 {
            return fs::remove_file(&self.path);
        }
        let kept = self.path.with_extension("unreadable");
        tracing::error!(lines = self.unreadable, kept = %kept.display(), "a ledger spill file had lines that cannot be read");
        fs::rename(&self.path, kept)
    }
}

#[cfg(test)]
mod tests;
