//! What a translation could not carry over.

use std::{collections::HashSet, fmt};

/// How a value fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LossKind {
    /// It is gone.
    Dropped,
    /// Something near it was sent.
    Approximated,
}

/// One value that was not carried over as it was.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Loss {
    /// Where it stood in the source, such as `messages[2].cache_control`.
    pub path: String,
    /// How it fared.
    pub kind: LossKind,
    /// What was done instead, or why it had to go; empty when the path says it all.
    pub note: &'static str,
}

/// Most losses that are kept one by one; a client's body could hold millions.
const KEPT: usize = 1_000;

/// The list of losses of one translation. Empty means that nothing was lost. The first thousand are kept, the others counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    kept: Vec<Loss>,
    /// The same ones as in `kept`: a loss is told once.
    told: HashSet<Loss>,
    /// How many came after `kept` was full.
    more: usize,
}

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
        self.kept.is_empty()
    }

    /// The losses that were kept, in the order in which they were met.
    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.kept.iter()
    }

    fn push(&mut self, path: String, kind: LossKind, note: &'static str) {
        let loss = Loss { path, kind, note };
        if self.told.contains(&loss) {
            return;
        }
        if self.kept.len() == KEPT {
            self.more += 1;
            return;
        }
        self.told.insert(loss.clone());
        self.kept.push(loss);
    }

    /// The value of `x-router-loss`: `path=dropped` or `path=approximated`, joined by `, `. Visible ASCII only, at most
    /// `limit` bytes; a longer list ends with the count of what is left out. `None` when nothing was lost.
    pub fn header(&self, limit: usize) -> Option<String> {
        if self.kept.is_empty() {
            return None;
        }
        let mut out = String::new();
        let mut written = 0;
        for loss in &self.kept {
            let word = match loss.kind {
                LossKind::Dropped => "dropped",
                LossKind::Approximated => "approximated",
            };
            let path: String =
                loss.path.chars().map(|c| if c.is_ascii_graphic() && c != ',' { c } else { '_' }).collect();
            let item = format!("{path}={word}");
            if out.len() + item.len() + 2 > limit.saturating_sub(16) {
                break;
            }
            if !out.is_empty() {
                out.push_str(", ");
            }
            out.push_str(&item);
            written += 1;
        }
        let left_out = self.kept.len() - written + self.more;
        if left_out > 0 {
            let _ = fmt::Write::write_fmt(&mut out, format_args!(", +{left_out} more"));
        }
        Some(out)
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for loss in &self.kept {
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
        if self.more > 0 {
            writeln!(f, "+{} more", self.more)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_once_and_a_flood_of_losses_is_counted() {
        let mut losses = Losses::default();
        for n in 0..500_000 {
            losses.dropped("messages[0].name", "");
            losses.dropped(format!("messages[{n}].x"), "");
        }
        assert_eq!(losses.iter().count(), KEPT);
        assert!(losses.header(100).unwrap().ends_with(", +499998 more"), "{:?}", losses.header(100));
        assert!(losses.header(usize::MAX).unwrap().ends_with("messages[998].x=dropped, +499001 more"));
        assert!(losses.to_string().ends_with("dropped messages[998].x\n+499001 more\n"));
    }
}
