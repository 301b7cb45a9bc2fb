//! What routing must know of a request, and the edits of the byte lane.
//!
//! The body is scanned once and stays as the client wrote it. Four members are read: `model`, `stream`, `stream_options`
//! and `provider`. Members that only this router understands are cut out. A stream whose client did not ask for usage gets
//! `include_usage` set, so that tokens can be counted; the client then sees one chunk more than it asked for, which the
//! gateway hides: the last one, with empty `choices`, whenever [`Head::stream`] is set and [`Head::include_usage`] is not.

use crate::{
    BadRequest, Head, Target,
    json::{ScanError, Text, Writer, patch, scan},
};
use std::{borrow::Cow, ops::Range};

/// Members that only this router reads; they never reach an upstream.
pub(super) const ROUTER_MEMBERS: [&str; 4] = ["provider", "allowed_models", "models", "plugins"];

/// A fault of the scan or of a member, on its way out of a callback.
struct Fault(BadRequest);

impl From<ScanError> for Fault {
    fn from(error: ScanError) -> Self {
        Self(BadRequest::new(error.to_string()))
    }
}

/// Reads the head.
pub(super) fn read(body: &str) -> Result<Head<'_>, BadRequest> {
    let indent = body.len() - body.trim_ascii_start().len();
    let mut head = Head { body_start: indent + 1, ..Head::default() };
    let mut removals = patch::Removals::default();
    let mut members = Members::default();
    let depth = scan::object(body, |member| {
        let value = body.get(member.value.clone()).unwrap_or_default();
        let router_only = ROUTER_MEMBERS.contains(&&*member.key);
        removals.member(&member.span, router_only);
        members.kept |= !router_only;
        match &*member.key {
            "model" => {
                once(&mut members.model, "model")?;
                head.model = text("model", value)?.filter(|model| !model.is_empty());
                head.model_span = Some(member.value);
            }
            "stream" => {
                once(&mut members.stream, "stream")?;
                head.stream = truth("stream", value)?.unwrap_or(false);
            }
            "stream_options" => {
                once(&mut members.stream_options, "stream_options")?;
                members.options = Some(StreamOptions::read(value, &member.value)?);
                if value != "null" {
                    head.stream_options_span = Some(member.value);
                }
            }
            "provider" => {
                once(&mut members.provider, "provider")?;
                head.allow_fallbacks = allow_fallbacks(value)?;
            }
            "messages" => members.messages = true,
            "input" => members.input = true,
            _ => {}
        }
        Ok::<(), Fault>(())
    })
    .map_err(|fault| fault.0)?;
    if members.input && !members.messages {
        return Err(responses_body());
    }
    if !members.kept {
        return Err(BadRequest::at("messages", "this member is required"));
    }
    let options = members.options.unwrap_or(StreamOptions { include_usage: false, edit: None });
    head.include_usage = options.include_usage;
    if head.stream && !head.include_usage {
        let insert = (head.body_start..head.body_start, r#""stream_options":{"include_usage":true},"#);
        head.usage_edit = Some(options.edit.unwrap_or(insert));
    }
    head.router_members = removals.finish();
    head.depth = depth;
    Ok(head)
}

/// The edits that turn the client's body into the one for a Chat upstream.
pub(super) fn patches(head: &Head<'_>, target: &Target<'_>) -> patch::Patches {
    let mut patches = patch::Patches::default();
    for span in &head.router_members {
        patches.replace(span.clone(), "");
    }
    if let Some((span, with)) = head.usage_edit.as_ref().filter(|_| target.dialect.stream_usage) {
        patches.replace(span.clone(), *with);
    }
    let mut model = Writer::default();
    if let Some(span) = &head.model_span {
        model.text(target.model);
        patches.replace(span.clone(), model.finish());
    } else {
        // The empty value behind it brings the comma.
        model.key("model").text(target.model).raw("");
        patches.replace(head.body_start..head.body_start, model.finish());
    }
    patches
}

/// The fault of a Responses body on the Chat path (Cursor's agent mode sends it).
pub(super) fn responses_body() -> BadRequest {
    BadRequest::at(
        "messages",
        "this member is required; the body has the shape of the Responses API (`input`), which this path does not take",
    )
}

/// Which members have been seen, and what `stream_options` says.
#[derive(Default)]
struct Members {
    model: bool,
    stream: bool,
    stream_options: bool,
    provider: bool,
    messages: bool,
    input: bool,
    /// Something is left when the router's own members are gone, so a member can be inserted with its comma.
    kept: bool,
    options: Option<StreamOptions>,
}

/// What `stream_options` says, and how to make it ask for usage.
struct StreamOptions {
    include_usage: bool,
    edit: Option<(Range<usize>, &'static str)>,
}

impl StreamOptions {
    /// Reads the value that stands at `at`.
    fn read(value: &str, at: &Range<usize>) -> Result<Self, Fault> {
        if value == "null" {
            return Ok(Self { include_usage: false, edit: Some((at.clone(), r#"{"include_usage":true}"#)) });
        }
        let mut include_usage = None;
        let mut empty = true;
        let mut seen = false;
        object("stream_options", value, |member| {
            empty = false;
            if member.key == "include_usage" {
                once(&mut seen, "stream_options.include_usage")?;
                let flag = value.get(member.value.clone()).unwrap_or_default();
                let span = at.start + member.value.start..at.start + member.value.end;
                include_usage = Some((truth("stream_options.include_usage", flag)?.unwrap_or(false), span));
            }
            Ok(())
        })?;
        let inside = at.start + 1..at.start + 1;
        Ok(match include_usage {
            Some((true, _)) => Self { include_usage: true, edit: None },
            Some((false, span)) => Self { include_usage: false, edit: Some((span, "true")) },
            None if empty => Self { include_usage: false, edit: Some((inside, r#""include_usage":true"#)) },
            None => Self { include_usage: false, edit: Some((inside, r#""include_usage":true,"#)) },
        })
    }
}

fn allow_fallbacks(value: &str) -> Result<Option<bool>, Fault> {
    let mut allow = None;
    let mut seen = false;
    if value != "null" {
        object("provider", value, |member| {
            if member.key == "allow_fallbacks" {
                once(&mut seen, "provider.allow_fallbacks")?;
                allow = truth("provider.allow_fallbacks", value.get(member.value).unwrap_or_default())?;
            }
            Ok(())
        })?;
    }
    Ok(allow)
}

/// Scans an inner object whose syntax is known to be right, so that only its type can be wrong.
fn object<'a>(
    path: &str,
    value: &'a str,
    member: impl FnMut(scan::Member<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if !value.starts_with('{') {
        return Err(Fault(BadRequest::at(path, "expected an object")));
    }
    scan::object(value, member).map(|_| ())
}

fn once(seen: &mut bool, path: &str) -> Result<(), Fault> {
    if std::mem::replace(seen, true) { Err(Fault(BadRequest::at(path, "given twice"))) } else { Ok(()) }
}

fn text<'a>(path: &str, value: &'a str) -> Result<Option<Cow<'a, str>>, Fault> {
    if value == "null" {
        return Ok(None);
    }
    let text: Result<Text<'a>, _> = serde_json::from_str(value);
    text.map(|text| Some(text.0)).map_err(|_| Fault(BadRequest::at(path, "expected a string")))
}

fn truth(path: &str, value: &str) -> Result<Option<bool>, Fault> {
    match value {
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        "null" => Ok(None),
        _ => Err(Fault(BadRequest::at(path, "expected true or false"))),
    }
}
