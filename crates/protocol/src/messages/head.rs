//! The cheap look at a request body, and the span edits of the byte lane.

use super::{path::At, wire::ProviderWish};
use crate::{
    BadRequest, Head, Target,
    json::{
        ScanError,
        patch::{Patches, Removals},
        scan, text,
    },
};
use bytes::{BufMut, BytesMut};
use std::borrow::Cow;

/// Members that only the router understands. Anthropic has none of these names.
const ROUTER_MEMBERS: [&str; 4] = ["provider", "allowed_models", "models", "plugins"];

enum Fault {
    Syntax(ScanError),
    Member(BadRequest),
}

impl From<ScanError> for Fault {
    fn from(error: ScanError) -> Self {
        Self::Syntax(error)
    }
}

pub(super) fn head(body: &str) -> Result<Head<'_>, BadRequest> {
    let mut head = Head { include_usage: true, ..Head::default() };
    let mut removals = Removals::default();
    let mut seen: Vec<&str> = Vec::new();
    let mut once = |key: &'static str| {
        if seen.contains(&key) {
            return Err(Fault::Member(At::Root.key(key).fault("given twice")));
        }
        seen.push(key);
        Ok(())
    };
    let depth = scan::object(body, |member| {
        let value = body.get(member.value.clone()).unwrap_or_default();
        let router_member = ROUTER_MEMBERS.into_iter().find(|name| *name == member.key);
        removals.member(&member.span, router_member.is_some());
        if let Some(name) = router_member {
            once(name)?;
        }
        match &*member.key {
            "model" => {
                once("model")?;
                head.model = model(value).map_err(Fault::Member)?;
                head.model_span = Some(member.value);
            }
            "stream" => {
                once("stream")?;
                let stream: Option<bool> = At::Root.key("stream").read(value).map_err(Fault::Member)?;
                head.stream = stream.unwrap_or(false);
            }
            "provider" => {
                let wish: Option<ProviderWish<'_>> = At::Root.key("provider").read(value).map_err(Fault::Member)?;
                head.allow_fallbacks = wish.and_then(|wish| wish.allow_fallbacks);
            }
            _ => {}
        }
        Ok(())
    });
    head.depth = depth.map_err(|fault| match fault {
        Fault::Syntax(error) => BadRequest::new(error.to_string()),
        Fault::Member(error) => error,
    })?;
    head.router_members = removals.finish();
    Ok(head)
}

fn model(value: &str) -> Result<Option<Cow<'_, str>>, BadRequest> {
    if value == "null" {
        return Ok(None);
    }
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let inner = inner.ok_or_else(|| At::Root.key("model").fault("expected a string"))?;
    Ok(Some(text::unescape(inner)).filter(|name| !name.is_empty()))
}

/// Puts the upstream's model name in and takes the router's members out.
pub(super) fn patches(head: &Head<'_>, target: &Target<'_>) -> Patches {
    let mut patches = Patches::default();
    if let Some(span) = head.model_span.clone()
        && head.model.as_deref() != Some(target.model)
    {
        let mut quoted = BytesMut::with_capacity(target.model.len() + 2);
        quoted.put_u8(b'"');
        crate::json::write::escape(target.model, &mut quoted);
        quoted.put_u8(b'"');
        patches.replace(span, quoted.freeze());
    }
    for span in &head.router_members {
        patches.replace(span.clone(), bytes::Bytes::new());
    }
    patches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;
    use bytes::Bytes;

    #[test]
    fn the_head_tells_model_stream_and_what_only_the_router_understands() {
        let body =
            r#"{"provider":{"allow_fallbacks":false},"model":"a\/b","stream":true,"models":["x"],"messages":[]}"#;
        let head = head(body).unwrap();
        assert_eq!(head.model.as_deref(), Some("a/b"));
        assert!(head.stream);
        assert_eq!(head.allow_fallbacks, Some(false));
        let target = Target { model: "claude-\"x\"", owner: "o", dialect: Dialect::default() };
        let sent = patches(&head, &target).apply(&Bytes::from_static(body.as_bytes())).concat();
        assert_eq!(sent, br#"{"model":"claude-\"x\"","stream":true,"messages":[]}"#);
    }

    #[test]
    fn an_empty_null_or_missing_model_is_no_model() {
        for body in [r#"{"model":""}"#, r#"{"model":null}"#, "{}"] {
            assert_eq!(head(body).unwrap().model, None, "{body}");
        }
    }

    #[test]
    fn a_wrong_type_or_a_repeated_key_of_what_is_read_is_refused_with_its_path() {
        let param = |body: &str| head(body).unwrap_err().param;
        assert_eq!(param(r#"{"model":7}"#).as_deref(), Some("model"));
        assert_eq!(param(r#"{"stream":"yes"}"#).as_deref(), Some("stream"));
        assert_eq!(param(r#"{"model":"a","model":"b"}"#).as_deref(), Some("model"));
        assert_eq!(param(r#"{"provider":{"allow_fallbacks":1}}"#).as_deref(), Some("provider.allow_fallbacks"));
        assert!(head("[]").is_err());
        assert!(head("{").is_err());
    }
}
