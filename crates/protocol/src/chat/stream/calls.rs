//! Puts the fragments of tool calls together.
//!
//! The rule of the protocol: `index` names the call, its id and name come once. What upstreams send instead: no index; one
//! index for all calls with new ids; id and name again on every fragment, or empty; the name after the first arguments. So a
//! fragment belongs to the call with its index unless it brings another id; without an index, to the call with its id;
//! without either, to the call at its place in the list. A new name with neither begins a new call.

use super::{balance::Balance, chunk::Fragment};
use crate::{
    StreamError,
    ir::{CallKind, Event, EventSink},
    json::text,
};

/// Most calls of one answer; no model makes this many, and every fragment looks through them.
const MOST_CALLS: usize = 1024;
/// Most bytes of ids, names and arguments that wait for their name.
const MOST_HELD: usize = 4 << 20;

/// The calls of one stream.
#[derive(Debug, Default)]
pub(super) struct Calls {
    list: Vec<Call>,
    /// Bytes of what the calls keep.
    held: usize,
    /// Memory for arguments with escapes.
    scratch: String,
}

#[derive(Debug)]
struct Call {
    choice: u32,
    index: Option<u32>,
    id: String,
    name: String,
    kind: CallKind,
    /// `CallStart` was sent.
    started: bool,
    /// Arguments that came before the name.
    early: String,
    /// Where the arguments stand.
    balance: Balance,
}

impl Calls {
    /// Whether a call of `choice` was met.
    pub(super) fn any_of(&self, choice: u32) -> bool {
        self.list.iter().any(|call| call.choice == choice)
    }

    /// Whether any call was sent on.
    pub(super) fn any(&self) -> bool {
        self.list.iter().any(|call| call.started)
    }

    /// The choice of a call whose arguments broke off. Of free text nobody can tell.
    pub(super) fn cut(&self) -> Option<u32> {
        let cut = |call: &&Call| call.kind == CallKind::Function && !call.balance.even();
        self.list.iter().find(cut).map(|call| call.choice)
    }

    /// Takes one fragment, the one at `place` of `of` in its list.
    ///
    /// # Errors
    /// There are more calls, or more of them must be kept, than any answer needs.
    pub(super) fn fragment(
        &mut self,
        choice: u32,
        (place, of): (usize, usize),
        fragment: &Fragment<'_>,
        to: &mut dyn EventSink,
    ) -> Result<(), StreamError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        self.said(choice, (place, of), fragment, &mut scratch, to);
        self.scratch = scratch;
        if self.list.len() > MOST_CALLS || self.held > MOST_HELD {
            return Err(StreamError::Malformed("more tool calls than an answer can have".into()));
        }
        Ok(())
    }

    fn said(
        &mut self,
        choice: u32,
        place: (usize, usize),
        fragment: &Fragment<'_>,
        scratch: &mut String,
        to: &mut dyn EventSink,
    ) {
        let kind = if fragment.custom.is_some() { CallKind::Custom } else { CallKind::Function };
        let (name, arguments) = words(fragment, scratch);
        let id = fragment.id.as_deref().unwrap_or_default();
        if id.is_empty() && name.is_empty() && arguments.is_empty() {
            return;
        }
        let key = self.find(choice, place, fragment.index, id, name).unwrap_or_else(|| {
            self.list.push(Call::new(choice, fragment.index, kind));
            self.list.len() - 1
        });
        let Some(call) = self.list.get_mut(key) else { return };
        if call.id.is_empty() {
            call.id.push_str(id);
            self.held += id.len();
        }
        if call.name.is_empty() {
            call.name.push_str(name);
            self.held += name.len();
        }
        call.balance.push(arguments);
        let key = key as u32;
        if !call.started {
            // An id may still follow the name, but not once arguments come.
            let waits = call.id.is_empty() && arguments.is_empty();
            if call.name.is_empty() || waits {
                call.early.push_str(arguments);
                self.held += arguments.len();
                return;
            }
            self.held -= call.early.len();
            call.start(key, to);
        }
        if !arguments.is_empty() {
            to.event(&Event::CallDelta { key, arguments });
        }
        if fragment.extra_content.is_some() {
            to.event(&Event::Opaque { what: "tool_calls.extra_content" });
        }
    }

    fn find(
        &self,
        choice: u32,
        (place, of): (usize, usize),
        index: Option<u32>,
        id: &str,
        name: &str,
    ) -> Option<usize> {
        let mine = || self.list.iter().enumerate().filter(|(_, call)| call.choice == choice);
        let other = |call: &Call| !id.is_empty() && !call.id.is_empty() && call.id != id;
        let renamed = |call: &Call| id.is_empty() && !name.is_empty() && !call.name.is_empty() && call.name != name;
        let found = if index.is_some() {
            let same: Option<(usize, &Call)> = mine().rfind(|(_, call)| call.index == index);
            // One index for all: an earlier call may go on under its own id.
            same.and_then(|(key, call)| if other(call) { self.by_id(choice, id) } else { Some((key, call)) })
        } else if !id.is_empty() {
            self.by_id(choice, id)
        } else if of == 1 {
            mine().next_back()
        } else {
            mine().nth(place)
        };
        found.filter(|(_, call)| !renamed(call)).map(|(key, _)| key)
    }

    fn by_id(&self, choice: u32, id: &str) -> Option<(usize, &Call)> {
        self.list.iter().enumerate().find(|(_, call)| call.choice == choice && call.id == id)
    }

    /// The answer is complete: every call ends.
    ///
    /// # Errors
    /// A call that said something never got a name.
    pub(super) fn end(&mut self, to: &mut dyn EventSink) -> Result<(), StreamError> {
        for (key, call) in self.list.iter_mut().enumerate() {
            let key = key as u32;
            if !call.started {
                if call.name.is_empty() {
                    return Err(StreamError::Malformed("a tool call without a name".into()));
                }
                call.start(key, to);
            }
            to.event(&Event::CallEnd { key });
        }
        Ok(())
    }
}

impl Call {
    fn new(choice: u32, index: Option<u32>, kind: CallKind) -> Self {
        let (id, name, early) = (String::new(), String::new(), String::new());
        Self { choice, index, id, name, kind, started: false, early, balance: Balance::default() }
    }

    fn start(&mut self, key: u32, to: &mut dyn EventSink) {
        self.started = true;
        to.event(&Event::CallStart { key, id: &self.id, name: &self.name, kind: self.kind });
        if !self.early.is_empty() {
            to.event(&Event::CallDelta { key, arguments: &self.early });
            self.early = String::new();
        }
    }
}

/// Name and arguments that a fragment brings.
fn words<'f>(fragment: &'f Fragment<'_>, scratch: &'f mut String) -> (&'f str, &'f str) {
    if let Some(custom) = &fragment.custom {
        return (custom.name.as_deref().unwrap_or_default(), custom.input.as_deref().unwrap_or_default());
    }
    let Some(function) = &fragment.function else { return ("", "") };
    let arguments = function.arguments.map_or("", |raw| text::read(raw.get(), scratch).unwrap_or(raw.get()));
    (function.name.as_deref().unwrap_or_default(), arguments)
}
