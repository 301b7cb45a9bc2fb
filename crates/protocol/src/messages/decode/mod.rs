//! Reading a request.
//!
//! One message of the wire is one turn. Members that the intermediate form has no place for become extras, so that the same
//! protocol writes them back; members inside `thinking`, `output_config`, `metadata` and `tool_choice` keep their dotted
//! path as the extra's name. A known member of a wrong type, an unknown role or block, and a missing required member are
//! faults with their path.

mod block;
mod options;

pub(super) use block::{Blocks, kind as block_kind};

use super::{path::At, wire::Body};
use crate::{
    BadRequest, Protocol, Str,
    ir::{CacheMark, Extras, Form, Part, Raw, Request, Role, Sampling, Turn},
    json::{Rest, own, own_raw, wire::own_text},
};
use block::Place;
use options::Options;
use serde_json::value::RawValue;

/// Whether `max_tokens` must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cap {
    /// A generate request.
    Required,
    /// A count request has none.
    Optional,
}

pub(super) fn request(source: &Str, cap: Cap) -> Result<Request, BadRequest> {
    let root = At::Root;
    let body: Body<'_> = root.read(source)?;
    let model = root.require("model", body.model)?;
    if cap == Cap::Required {
        root.require("max_tokens", body.max_tokens)?;
    }
    let mut fields = Vec::new();
    let sampling = Sampling {
        max_tokens: body.max_tokens,
        max_tokens_is_completion: false,
        temperature: number(source, "temperature", body.temperature)?,
        top_p: number(source, "top_p", body.top_p)?,
        top_k: number(source, "top_k", body.top_k)?,
        stop: body.stop_sequences.iter().flat_map(|list| list.iter()).map(|text| own_text(source, text)).collect(),
        stop_is_text: false,
    };
    if body.stop_sequences.is_some_and(|list| list.is_empty()) {
        fields.push((Str::from_static("stop_sequences"), Raw(Str::from_static("[]"))));
    }
    let (system, system_form) = system(source, body.system)?;
    let at = root.key("messages");
    let messages = root.require("messages", body.messages)?;
    if messages.is_empty() {
        return Err(at.fault("at least one message is required"));
    }
    let turns = messages.0.into_iter().enumerate().map(|(index, message)| {
        let at = at.index(index);
        let role = role(&at.require("role", message.role)?, at)?;
        let content = at.require("content", message.content)?;
        let blocks = Blocks { source, place: Place::of(role) };
        let (parts, form) = blocks.content(content.get(), at.key("content"))?;
        Ok(Turn { role, name: None, parts, form, extras: extras(source, message.rest) })
    });
    let turns = turns.collect::<Result<Vec<_>, BadRequest>>()?;
    let mut options = Options { source, fields: &mut fields };
    let tools = options.tools(body.tools)?;
    let (tool_choice, parallel_tools) = options.choice(body.tool_choice)?;
    let mut thinking = options.thinking(body.thinking)?;
    let output = options.output(body.output_config, &mut thinking)?;
    let user = options.user(body.metadata);
    fields.extend(body.rest.into_iter().map(|(key, raw)| (own(source, &key), own_raw(source, raw))));
    Ok(Request {
        model: own_text(source, &model),
        system,
        system_form,
        turns,
        tools,
        tool_choice,
        parallel_tools,
        output,
        sampling,
        thinking,
        stream: body.stream,
        include_usage: true,
        user,
        cache_key: None,
        cache: body.cache_control.map(|raw| mark(source, raw)),
        extras: Extras { maker: Protocol::Messages, fields },
    })
}

fn role(role: &str, at: At<'_>) -> Result<Role, BadRequest> {
    match role {
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "system" => Ok(Role::System),
        other => Err(at.key("role").fault(format_args!("unknown role `{other}`"))),
    }
}

fn system(source: &Str, raw: Option<&RawValue>) -> Result<(Vec<Part>, Form), BadRequest> {
    let Some(raw) = raw else { return Ok((Vec::new(), Form::Absent)) };
    Blocks { source, place: Place::System }.content(raw.get(), At::Root.key("system"))
}

fn number(source: &Str, key: &str, raw: Option<&RawValue>) -> Result<Option<Raw>, BadRequest> {
    let Some(raw) = raw else { return Ok(None) };
    At::Root.key(key).read::<f64>(raw.get())?;
    Ok(Some(own_raw(source, raw)))
}

fn mark(source: &Str, raw: &RawValue) -> CacheMark {
    CacheMark { maker: Protocol::Messages, raw: own_raw(source, raw) }
}

/// Members that are not understood, as extras.
pub(super) fn extras(source: &Str, rest: Rest<'_>) -> Extras {
    let fields = rest.into_iter().map(|(key, raw)| (own(source, &key), own_raw(source, raw))).collect();
    Extras { maker: Protocol::Messages, fields }
}
