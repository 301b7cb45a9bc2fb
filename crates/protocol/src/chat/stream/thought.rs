//! The reasoning of the open block, kept because its proof must come with its text.

/// Longest reasoning that is kept, in bytes; no model thinks this much.
const MOST: usize = 4 << 20;

/// The text so far.
#[derive(Debug, Default)]
pub(super) struct Thought {
    text: String,
    /// It grew too long and was given up.
    over: bool,
}

impl Thought {
    /// Takes more of it.
    pub(super) fn push(&mut self, more: &str) {
        if self.over || self.text.len() + more.len() > MOST {
            *self = Self { text: String::new(), over: true };
        } else {
            self.text.push_str(more);
        }
    }

    /// The block ended. The memory stays for the next one.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.over = false;
    }

    /// The whole text; `None` when it grew too long.
    pub(super) fn text(&self) -> Option<&str> {
        (!self.over).then_some(&*self.text)
    }
}
