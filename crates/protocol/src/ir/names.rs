//! Ids and tool names that fit the target's rules, and the way back.
//!
//! Fitting is a function of the text alone, so that equal histories give equal bytes turn after turn.

use crate::Str;
use sha2::{Digest, Sha256};
use std::{borrow::Cow, fmt::Write as _};

/// What a tool that was offered upstream stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// Itself, under a name that fits.
    Function,
    /// A custom tool: the function has one string property `input` whose value is the free text.
    Custom,
    /// The structured answer itself: the call's arguments are the answer's text.
    Output,
}

/// Names as sent upstream, with what they stand for. Only names that need translation back are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Vec<(String, Str, Stand)>);

impl Names {
    /// Notes that `sent` stands for `original`.
    pub fn push(&mut self, sent: String, original: Str, stand: Stand) {
        self.0.push((sent, original, stand));
    }

    /// What a name in an answer stands for.
    pub fn original<'a>(&'a self, sent: &'a str) -> (&'a str, Stand) {
        let found = self.0.iter().find(|(name, ..)| name == sent);
        found.map_or((sent, Stand::Function), |(_, original, stand)| (original, *stand))
    }

    /// Whether every name came through unchanged.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `id`, or when it is longer than `limit` or holds anything but `[A-Za-z0-9_-]` (or is empty): its cleaned beginning and
/// eight hexadecimal digits of its SHA-256.
pub fn fit(id: &str, limit: usize) -> Cow<'_, str> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !id.is_empty() && id.len() <= limit && id.bytes().all(fine) {
        return Cow::Borrowed(id);
    }
    let keep = limit.saturating_sub(9);
    let mut out: String = id.bytes().take(keep).map(|byte| if fine(byte) { char::from(byte) } else { '_' }).collect();
    out.push('_');
    for byte in Sha256::digest(id.as_bytes()).iter().take(4) {
        let _ = write!(out, "{byte:02x}");
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_or_odd_ids_become_short_clean_and_stay_distinct() {
        assert_eq!(fit("call_1-A", 64), "call_1-A");
        let long = "x".repeat(100);
        let longer = "x".repeat(101);
        assert_eq!(fit(&long, 64).len(), 64);
        assert_ne!(fit(&long, 64), fit(&longer, 64));
        assert_ne!(fit("a.b", 64), fit("a:b", 64));
        assert!(fit("é|", 64).bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
        assert_eq!(fit("a.b", 64), fit("a.b", 64));
    }
}
