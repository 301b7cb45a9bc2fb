//! What the intermediate form has no place for, kept so that it can be written back.
//!
//! Three kinds of entries share the list, told apart by their key:
//! - `metadata`: a member of the object itself;
//! - `function.strict`: a member of the object's child `function`. The path is also what a loss names;
//! - `.reasoning_text` with the value null: a *mark*, saying how the wire spelled something that the intermediate form holds
//!   elsewhere. Other encoders skip nulls, so a mark is never taken for a loss.

use crate::{
    Protocol, Str,
    ir::{Extras, Raw},
    json::{Rest, Writer, own, own_raw},
};

/// The user came as `safety_identifier` (request).
pub(super) const SAFETY_IDENTIFIER: &str = ".safety_identifier";
/// A refusal stood in the list of parts (part).
pub(super) const IN_CONTENT: &str = ".content";

/// No entries.
pub(super) fn none() -> Extras {
    Extras::none(Protocol::Chat)
}

/// Keeps what a wire struct did not know, `prefix` before each name.
pub(super) fn keep(source: &Str, rest: Rest<'_>, prefix: &str, into: &mut Extras) {
    for (key, raw) in rest {
        let key = if prefix.is_empty() { own(source, &key) } else { Str::from(format!("{prefix}{key}")) };
        into.fields.push((key, own_raw(source, raw)));
    }
}

/// Sets a mark.
pub(super) fn mark(extras: &mut Extras, name: &'static str) {
    extras.fields.push((Str::from_static(name), Raw(Str::from_static("null"))));
}

/// Whether a mark is set.
pub(super) fn marked(extras: &Extras, name: &str) -> bool {
    extras.maker == Protocol::Chat && extras.find(name).is_some()
}

/// A member's value, when Chat wrote it.
pub(super) fn find<'a>(extras: &'a Extras, name: &str) -> Option<&'a Raw> {
    if extras.maker == Protocol::Chat { extras.find(name) } else { None }
}

/// Members to write into the object at `prefix` (empty: the object itself), without those of the children `deeper`.
pub(super) fn members<'a>(
    extras: &'a Extras,
    prefix: &'a str,
    deeper: &'a [&'a str],
) -> impl Iterator<Item = (&'a str, &'a Raw)> {
    let own = extras.maker == Protocol::Chat;
    extras.fields.iter().filter(move |_| own).filter_map(move |(key, raw)| {
        let name = key.strip_prefix(prefix)?;
        let elsewhere = name.starts_with('.') || deeper.iter().any(|child| name.starts_with(child));
        (!elsewhere).then_some((name, raw))
    })
}

/// Writes [`members`].
pub(super) fn write(w: &mut Writer, extras: &Extras, prefix: &str, deeper: &[&str]) {
    for (name, raw) in members(extras, prefix, deeper) {
        w.key(name).raw(raw.as_str());
    }
}
