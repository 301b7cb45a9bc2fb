//! The vendors that need no `baseURL`: data in `data/providers.json`.

use crate::ProviderKind;
use rm_protocol::MaxTokensField;
use serde::Deserialize;
use std::sync::LazyLock;

/// A vendor or local server that is known by name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Builtin {
    /// Its provider id, such as `groq`.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Its adapter.
    pub kind: ProviderKind,
    /// Its base URL, version segment included.
    pub base_url: String,
    /// Environment variables that hold its key, first match wins.
    #[serde(default)]
    pub key_env: Vec<String>,
    /// Whether it runs on this machine and needs no key.
    #[serde(default)]
    pub local: bool,
    /// How it departs from OpenAI.
    #[serde(default)]
    pub quirks: Quirks,
}

/// How a vendor departs from its protocol's reference. Absent means no departure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Quirks {
    /// Which name the output cap travels under.
    pub max_tokens: Option<MaxTokensField>,
    /// Wants assistant reasoning back as `reasoning_content`.
    pub replay_reasoning: bool,
    /// Refuses `stream_options`.
    pub no_stream_options: bool,
    /// Refuses the role `developer`.
    pub no_developer_role: bool,
    /// Its path has no version segment: none is ever added to a `baseURL`.
    pub no_version_segment: bool,
}

/// All built-in providers, in the order of the data file.
pub fn builtin() -> &'static [Builtin] {
    // The file is compiled in and a test reads it, so it always parses.
    static ALL: LazyLock<Vec<Builtin>> = LazyLock::new(|| read().unwrap_or_default());
    &ALL
}

/// The built-in provider of that name, without regard to case.
pub fn find(id: &str) -> Option<&'static Builtin> {
    builtin().iter().find(|entry| entry.id.eq_ignore_ascii_case(id))
}

fn read() -> serde_json::Result<Vec<Builtin>> {
    serde_json::from_str(include_str!("../data/providers.json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_data_file_parses_and_every_id_is_unique() {
        let all = read().unwrap();
        assert!(all.len() >= 30, "{}", all.len());
        let ids: HashSet<_> = all.iter().map(|entry| entry.id.to_lowercase()).collect();
        assert_eq!(ids.len(), all.len());
        assert_eq!(builtin(), all);
    }

    #[test]
    fn ids_can_be_a_prefix_and_a_variable_and_key_variables_are_not_shared() {
        let mut seen = HashSet::new();
        for entry in builtin() {
            assert!(
                entry.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{}",
                entry.id
            );
            assert!(!["auto", "router-maestro"].contains(&entry.id.as_str()), "{} is a reserved name", entry.id);
            assert!(!entry.key_env.is_empty(), "{}", entry.id);
            for variable in &entry.key_env {
                assert!(
                    variable.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'),
                    "{variable}"
                );
                assert!(seen.insert(variable), "{variable} belongs to two providers");
            }
        }
    }

    #[test]
    fn only_local_servers_speak_plain_http_and_only_on_loopback() {
        for entry in builtin() {
            let plain = entry.base_url.starts_with("http://127.0.0.1:");
            assert!(plain || entry.base_url.starts_with("https://"), "{}", entry.base_url);
            assert_eq!(plain, entry.local, "{}", entry.id);
            assert!(
                !entry.base_url.ends_with('/') && !entry.base_url.contains(['?', '#', '@', '{']),
                "{}",
                entry.base_url
            );
        }
    }

    #[test]
    fn every_base_url_holds_a_version_segment_unless_the_vendor_has_none() {
        let is_version =
            |part: &str| part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        for entry in builtin() {
            let versioned = entry.base_url.split('/').any(is_version);
            assert_eq!(versioned, !entry.quirks.no_version_segment, "{} {}", entry.id, entry.base_url);
        }
    }

    #[test]
    fn vendors_whose_models_lose_their_thread_without_it_get_their_reasoning_back() {
        for id in ["deepseek", "moonshot", "zai", "dashscope"] {
            assert!(find(id).unwrap().quirks.replay_reasoning, "{id}");
        }
        assert!(!find("OpenAI").unwrap().quirks.replay_reasoning, "OpenAI refuses it");
    }
}
