//! The body of a reply: pieces to send, and what happens between them.

use std::time::Duration;

use bytes::Bytes;

use crate::gate::Gate;

/// The steps of a body, in order. Offsets count the bytes of pieces and fills.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body {
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Piece(Bytes),
    /// `pattern` over and over until `total` bytes are out. Takes no memory.
    Fill {
        pattern: Bytes,
        total: u64,
    },
    Hold(Hold),
    /// A chunk size that is not a number.
    BadChunkSize,
}

#[derive(Clone, Debug)]
pub(crate) enum Hold {
    Pause(Duration),
    Gate(Gate),
}

impl Body {
    pub(crate) fn len(&self) -> u64 {
        self.steps.iter().map(Step::len).sum()
    }

    /// Cuts every piece into pieces of `size` bytes, which is not zero.
    pub(crate) fn split_every(&mut self, size: usize) {
        let pieces = self.steps.drain(..).flat_map(|step| match step {
            Step::Piece(piece) => {
                let starts = (0..piece.len()).step_by(size);
                starts.map(|start| Step::Piece(piece.slice(start..piece.len().min(start + size)))).collect()
            }
            other => vec![other],
        });
        self.steps = pieces.collect();
    }

    /// Makes a piece start at `offset` and returns its index; the end of the body if it is shorter. Holds that stand at
    /// `offset` already come before it.
    pub(crate) fn boundary(&mut self, offset: u64) -> usize {
        let mut before = 0;
        for index in 0..self.steps.len() {
            let length = self.steps[index].len();
            if before == offset && length > 0 {
                return index;
            }
            if before + length > offset {
                let (left, right) = self.steps[index].split(offset - before);
                self.steps[index] = left;
                self.steps.insert(index + 1, right);
                return index + 1;
            }
            before += length;
        }
        self.steps.len()
    }
}

impl Step {
    fn len(&self) -> u64 {
        match self {
            Self::Piece(piece) => piece.len() as u64,
            Self::Fill { total, .. } => *total,
            Self::Hold(_) | Self::BadChunkSize => 0,
        }
    }

    /// Cuts in two; `at` lies inside. Steps without length stay whole, on the left.
    fn split(&self, at: u64) -> (Self, Self) {
        match self {
            Self::Piece(piece) => {
                let at = piece.len().min(at as usize);
                (Self::Piece(piece.slice(..at)), Self::Piece(piece.slice(at..)))
            }
            Self::Fill { pattern, total } => (
                Self::Fill { pattern: pattern.clone(), total: at },
                Self::Fill { pattern: pattern.clone(), total: total - at },
            ),
            Self::Hold(_) | Self::BadChunkSize => (self.clone(), Self::Piece(Bytes::new())),
        }
    }
}
