//! Reads an upstream's model list: OpenAI's shape, Anthropic's, and the many that are almost one of them.

use jiff::Timestamp;
use serde_json::Value;
use std::collections::HashSet;
use thiserror::Error;

/// More entries than this are not kept.
const MOST_MODELS: usize = 10_000;
/// Longer ids are not kept.
const LONGEST_ID: usize = 256;

/// One model as its upstream lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelListing {
    /// The name to send.
    pub id: String,
    /// A name for people.
    pub display_name: Option<String>,
    /// When it was made, in Unix seconds.
    pub created: Option<u64>,
    /// Tokens that fit into its context.
    pub context_tokens: Option<u64>,
    /// Tokens it can write.
    pub max_output_tokens: Option<u64>,
}

/// A body that holds no model list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadModelList {
    /// Not JSON.
    #[error("the model list is not JSON")]
    NotJson,
    /// JSON without a list.
    #[error("the answer holds no list of models")]
    NoList,
}

/// Reads a list under `data` or `models`, or a bare array. Entries without a usable id are left out.
pub(crate) fn parse(body: &[u8]) -> Result<Vec<ModelListing>, BadModelList> {
    let value: Value = serde_json::from_slice(body).map_err(|_| BadModelList::NotJson)?;
    let list = value
        .as_array()
        .or_else(|| ["data", "models", "result"].into_iter().find_map(|key| value.get(key)?.as_array()))
        .ok_or(BadModelList::NoList)?;
    let mut seen = HashSet::new();
    Ok(list.iter().filter_map(listing).filter(|model| seen.insert(model.id.clone())).take(MOST_MODELS).collect())
}

fn listing(entry: &Value) -> Option<ModelListing> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| entry.get(*key)?.as_str()).map(str::to_owned);
    let count = |keys: &[&str]| keys.iter().find_map(|key| entry.get(*key)?.as_u64());
    let id = entry.as_str().map(str::to_owned).or_else(|| text(&["id", "name", "model"]))?;
    let id = id.trim();
    if id.is_empty() || id.len() > LONGEST_ID || id.chars().any(char::is_control) {
        return None;
    }
    Some(ModelListing {
        id: id.to_owned(),
        display_name: text(&["display_name"]).or_else(|| text(&["name"]).filter(|name| name != id)),
        created: count(&["created"]).or_else(|| unix_seconds(&text(&["created_at"])?)),
        context_tokens: count(&[
            "context_length",
            "context_window",
            "max_context_length",
            "max_input_tokens",
            "max_model_len",
        ]),
        max_output_tokens: count(&["max_output_tokens", "max_completion_tokens", "max_tokens"]),
    })
}

fn unix_seconds(text: &str) -> Option<u64> {
    u64::try_from(text.parse::<Timestamp>().ok()?.as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(body: &str) -> Vec<String> {
        parse(body.as_bytes()).unwrap().into_iter().map(|model| model.id).collect()
    }

    #[test]
    fn openai_and_anthropic_lists_are_read_with_their_facts() {
        let openai = parse(
            br#"{"object":"list","data":[{"id":"gpt-x","object":"model","created":1767225600,"owned_by":"openai"}]}"#,
        );
        assert_eq!(
            openai.unwrap(),
            [ModelListing { id: "gpt-x".into(), created: Some(1_767_225_600), ..ModelListing::default() }]
        );
        let anthropic = parse(
            br#"{"data":[{"type":"model","id":"claude-a","display_name":"Claude A","created_at":"2026-09-01T00:00:00Z","max_input_tokens":1000000,"max_tokens":128000}],"has_more":false}"#,
        );
        let expected = ModelListing {
            id: "claude-a".into(),
            display_name: Some("Claude A".into()),
            created: Some(1_788_220_800),
            context_tokens: Some(1_000_000),
            max_output_tokens: Some(128_000),
        };
        assert_eq!(anthropic.unwrap(), [expected]);
    }

    #[test]
    fn odd_lists_are_read_as_far_as_they_make_sense() {
        assert_eq!(
            ids(r#"[{"id":"a"},{"id":"a"},{"id":7},{},null,"b",{"name":"c:latest","context_length":"many"}]"#),
            ["a", "b", "c:latest"]
        );
        assert_eq!(ids(r#"{"models":[{"model":"m"}],"data":null}"#), ["m"]);
        assert_eq!(ids("{\"data\":[{\"id\":\"x\\u0000y\"},{\"id\":\" \"}]}"), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        assert_eq!(parse(b"<html>"), Err(BadModelList::NotJson));
        assert_eq!(parse(b""), Err(BadModelList::NotJson));
        assert_eq!(parse(br#"{"error":"no"}"#), Err(BadModelList::NoList));
    }
}
