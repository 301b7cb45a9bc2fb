//! Span edits on a body that is not re-serialised.

use bytes::Bytes;
use std::ops::Range;

/// Replacements of byte spans, in order and not overlapping. Applying them yields segments that share the body's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patches(Vec<(Range<usize>, Bytes)>);

impl Patches {
    /// Replaces `span`; an empty one inserts at its start. Edits may come in any order and must not overlap: one that does
    /// is not taken.
    pub fn replace(&mut self, span: Range<usize>, with: impl Into<Bytes>) {
        let at = self.0.partition_point(|(other, _)| other.start < span.start);
        let after_previous =
            at.checked_sub(1).and_then(|i| self.0.get(i)).is_none_or(|(other, _)| other.end <= span.start);
        let before_next = self.0.get(at).is_none_or(|(next, _)| span.end <= next.start);
        if after_previous && before_next {
            self.0.insert(at, (span, with.into()));
        }
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The edited body as segments.
    pub fn apply(&self, body: &Bytes) -> Vec<Bytes> {
        let mut segments = Vec::with_capacity(self.0.len() * 2 + 1);
        let mut at = 0;
        for (span, with) in &self.0 {
            if span.start > at {
                segments.push(body.slice(at..span.start.min(body.len())));
            }
            if !with.is_empty() {
                segments.push(with.clone());
            }
            at = span.end;
        }
        if at < body.len() {
            segments.push(body.slice(at..));
        }
        segments
    }
}

/// Finds what to delete so that some members of an object vanish with their commas. Fed with the members in order.
#[derive(Debug, Default)]
pub struct Removals {
    spans: Vec<Range<usize>>,
    kept_before: bool,
    previous_end: usize,
    /// Start of a removal that reaches to the next member, because nothing is kept before it.
    open: Option<usize>,
}

impl Removals {
    /// The next member, and whether it goes.
    pub fn member(&mut self, span: &Range<usize>, remove: bool) {
        if let Some(start) = self.open.take() {
            self.spans.push(start..span.start);
        }
        match (remove, self.kept_before) {
            (true, true) => self.spans.push(self.previous_end..span.end),
            (true, false) => self.open = Some(span.start),
            (false, _) => self.kept_before = true,
        }
        self.previous_end = span.end;
    }

    /// The spans to delete, in order.
    pub fn finish(mut self) -> Vec<Range<usize>> {
        if let Some(start) = self.open.take() {
            self.spans.push(start..self.previous_end);
        }
        self.spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(body: &'static str, edit: impl FnOnce(&mut Patches, &[u8])) -> String {
        let mut patches = Patches::default();
        edit(&mut patches, body.as_bytes());
        let bytes = patches.apply(&Bytes::from_static(body.as_bytes())).concat();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn spans_are_replaced_in_any_order_of_calls() {
        let out = edited("abcdef", |p, _| {
            p.replace(4..5, "EE");
            p.replace(0..1, "");
            p.replace(2..2, "+");
        });
        assert_eq!(out, "b+cdEEf");
    }

    #[test]
    fn removed_members_take_their_commas_with_them() {
        let remove = |body: &'static str, gone: &str| {
            let mut removals = Removals::default();
            crate::json::scan::object(body, |m| {
                removals.member(&m.span, gone.contains(&*m.key));
                Ok::<(), crate::json::ScanError>(())
            })
            .unwrap();
            edited(body, |p, _| removals.finish().into_iter().for_each(|span| p.replace(span, "")))
        };
        assert_eq!(remove(r#"{"a":1, "b":2}"#, "a"), r#"{"b":2}"#);
        assert_eq!(remove(r#"{"a":1, "b":2}"#, "b"), r#"{"a":1}"#);
        assert_eq!(remove(r#"{ "b":2 }"#, "b"), "{  }");
        assert_eq!(remove(r#"{"a":1,"p":2,"q":3}"#, "pq"), r#"{"a":1}"#);
        assert_eq!(remove(r#"{"p":2,"q":3,"a":1,"r":4}"#, "pqr"), r#"{"a":1}"#);
        assert_eq!(remove(r#"{"p":2, "q":3 }"#, "pq"), "{ }");
    }

    #[test]
    fn untouched_stretches_share_the_body() {
        let body = Bytes::from_static(b"0123456789");
        let mut patches = Patches::default();
        patches.replace(3..4, "x");
        let segments = patches.apply(&body);
        assert_eq!(segments[0].as_ptr(), body.as_ptr());
        assert_eq!(segments[2].as_ptr(), body[4..].as_ptr());
    }
}
