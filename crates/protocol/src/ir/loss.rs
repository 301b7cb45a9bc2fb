//! What a translation could not carry over.

use std::fmt;

/// How a value fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LossKind {
    /// It is gone.
    Dropped,
    /// Something near it was sent.
    Approximated,
}

/// One value that was not carried over as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Where it stood in the source, such as `messages[2].cache_control`.
    pub path: String,
    /// How it fared.
    pub kind: LossKind,
    /// What was done instead, or why it had to go; empty when the path says it all.
    pub note: &'static str,
}

/// The list of losses of one translation. Empty means that nothing was lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses(Vec<Loss>);

impl Losses {
    /// Notes a value that is gone.
    pub fn dropped(&mut self, path: impl Into<String>, note: &'static str) {
        self.push(path.into(), LossKind::Dropped, note);
    }

    /// Notes a value that was replaced by something near it.
    pub fn approximated(&mut self, path: impl Into<String>, note: &'static str) {
        self.push(path.into(), LossKind::Approximated, note);
    }

    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The losses, in the order in which they were met.
    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.0.iter()
    }

    fn push(&mut self, path: String, kind: LossKind, note: &'static str) {
        let loss = Loss { path, kind, note };
        if !self.0.contains(&loss) {
            self.0.push(loss);
        }
    }

    /// The value of `x-router-loss`: `path=dropped` or `path=approximated`, joined by `, `. Visible ASCII only, at most
    /// `limit` bytes; a longer list ends with the count of what is left out. `None` when nothing was lost.
    pub fn header(&self, limit: usize) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let mut out = String::new();
        for (written, loss) in self.0.iter().enumerate() {
            let word = match loss.kind {
                LossKind::Dropped => "dropped",
                LossKind::Approximated => "approximated",
            };
            let path: String =
                loss.path.chars().map(|c| if c.is_ascii_graphic() && c != ',' { c } else { '_' }).collect();
            let item = format!("{path}={word}");
            if out.len() + item.len() + 2 > limit.saturating_sub(16) {
                let _ = fmt::Write::write_fmt(&mut out, format_args!(", +{} more", self.0.len() - written));
                break;
            }
            if !out.is_empty() {
                out.push_str(", ");
            }
            out.push_str(&item);
        }
        Some(out)
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for loss in &self.0 {
            let word = match loss.kind {
                LossKind::Dropped => "dropped",
                LossKind::Approximated => "approximated",
            };
            write!(f, "{word} {}", loss.path)?;
            if !loss.note.is_empty() {
                write!(f, " ({})", loss.note)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
