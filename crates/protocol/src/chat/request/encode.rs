//! Writes a request body for a Chat upstream.
//!
//! A request that came over Chat is written back as it was. One that came over another protocol is regrouped to Chat's
//! rules (`history.rs`), and what Chat or the model cannot take is listed as a loss. `messages` are last, so that equal
//! beginnings of a conversation stay equal bytes.

use super::{options, results::Window};
use crate::{
    CannotEncode, Encoded, Protocol, Target,
    chat::extras,
    ir::{CacheMark, Extras, Losses, Names, Request, fit},
    json::Writer,
};
use std::borrow::Cow;

/// Longest id and tool name that Chat takes.
const LIMIT: usize = 64;

/// The children of the body that have members of their own.
const CHILDREN: [&str; 1] = ["response_format."];

/// The work on one request.
pub(super) struct Encoder<'r> {
    pub(super) request: &'r Request,
    pub(super) target: &'r Target<'r>,
    /// The request came over Chat.
    pub(super) made_here: bool,
    pub(super) w: Writer,
    pub(super) losses: Losses,
    pub(super) names: Names,
    /// The answers that stand behind the assistant messages being written.
    pub(super) window: Window<'r>,
}

/// Writes `request` for `target`.
pub(in crate::chat) fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, CannotEncode> {
    let mut encoder = Encoder {
        request,
        target,
        made_here: request.extras.maker == Protocol::Chat,
        w: Writer::with_capacity(4096),
        losses: Losses::default(),
        names: Names::default(),
        window: Window::default(),
    };
    encoder.body()?;
    Ok(Encoded { body: encoder.w.finish(), losses: encoder.losses, names: encoder.names })
}

impl Encoder<'_> {
    fn body(&mut self) -> Result<(), CannotEncode> {
        let (request, target) = (self.request, self.target);
        self.w.begin().key("model").text(target.model);
        options::write_stream(&mut self.w, request, target);
        options::write_sampling(&mut self.w, request, target, &mut self.losses);
        options::write_effort(&mut self.w, request, target, &mut self.losses);
        self.tools()?;
        options::write_format(&mut self.w, request);
        self.user();
        self.cache_key();
        self.note_cache(request.cache.as_ref(), "");
        self.rest();
        self.w.key("messages").begin_list();
        if self.made_here {
            for (index, turn) in request.turns.iter().enumerate() {
                self.own_turn(turn, index);
            }
        } else {
            self.foreign_history()?;
        }
        self.w.end_list().end();
        Ok(())
    }

    /// What the wire said beyond the intermediate form.
    fn rest(&mut self) {
        let extras = &self.request.extras;
        let cap = options::cap_name(self.request, self.target);
        for (name, raw) in extras::members(extras, "", &CHILDREN) {
            let written = match name {
                "stream_options" => true,
                "tool_choice" => self.request.tool_choice.is_some(),
                // The older of two output caps stays while the newer is written under its own name.
                "max_tokens" => cap == "max_tokens" && self.request.sampling.max_tokens.is_some(),
                _ => false,
            };
            if !written {
                self.w.key(name).raw(raw.as_str());
            }
        }
        self.note_extras(extras, "");
    }

    fn user(&mut self) {
        let Some(user) = &self.request.user else { return };
        if extras::marked(&self.request.extras, extras::SAFETY_IDENTIFIER) {
            self.w.key("safety_identifier").text(user);
        } else if self.made_here || user.len() <= LIMIT {
            self.w.key("user").text(user);
        } else {
            self.losses.approximated("metadata.user_id", "shortened to 64 characters");
            self.w.key("user").text(&fit(user, LIMIT));
        }
    }

    /// `prompt_cache_key`: the client's own, or the session that it names where the upstream routes by such keys.
    fn cache_key(&mut self) {
        if let Some(key) = &self.request.cache_key {
            self.w.key("prompt_cache_key").text(key);
        } else if self.target.dialect.prompt_cache_key && !self.made_here {
            let session = self.request.user.as_deref().and_then(options::session);
            if let Some(session) = session {
                self.w.key("prompt_cache_key").text(&fit(&session, LIMIT));
            }
        }
    }

    /// An id that Chat takes. Ids of Chat clients may hold any character.
    pub(super) fn id<'a>(&self, id: &'a str) -> Cow<'a, str> {
        if self.made_here && id.len() <= LIMIT { Cow::Borrowed(id) } else { fit(id, LIMIT) }
    }

    /// A tool name that Chat takes.
    pub(super) fn name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        if self.made_here { Cow::Borrowed(name) } else { fit(name, LIMIT) }
    }

    /// Lists a cache mark of another maker.
    pub(super) fn note_cache(&mut self, mark: Option<&CacheMark>, path: &str) {
        if mark.is_some() && !self.made_here {
            self.losses.dropped(join(path, "cache_control"), "");
        }
    }

    /// Lists members of another maker.
    pub(super) fn note_extras(&mut self, extras: &Extras, path: &str) {
        if extras.maker == Protocol::Chat {
            return;
        }
        for (name, raw) in &extras.fields {
            // Nulls say nothing, and a `type` only names what has been read.
            if !raw.is_null() && !name.starts_with('.') && &**name != "type" {
                self.losses.dropped(join(path, name), "");
            }
        }
    }
}

/// A path one step deeper.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
