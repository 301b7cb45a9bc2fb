//! Removes secrets and addresses from an upstream's words before a client reads them.
//!
//! Three passes, widest knowledge first: the account's own secrets wherever they stand; what looks like a key (`sk-…`,
//! `gsk_…`, `Bearer …`, a JSON Web Token); the upstream's host and any numeric IPv4 address. The rest of the wording stays
//! as it is, because clients match on it. The replacements hold nothing that JSON would escape, so a JSON text stays JSON.

use secrecy::{ExposeSecret, SecretString};
use std::{borrow::Cow, fmt, net::Ipv4Addr};

/// What stands where a secret was.
const SECRET_MARK: &str = "[redacted]";
/// What stands where an address was.
const ADDRESS_MARK: &str = "[upstream]";

/// Shorter known secrets are placeholders such as `x`, and removing them would only garble words.
const SHORTEST_SECRET: usize = 4;

/// How keys of known vendors begin. `Bearer` and its kin are handled apart: an ordinary word may follow them.
const KEY_PREFIXES: [&str; 25] = [
    "sk-",
    "sk_",
    "pk-",
    "gsk_",
    "xai-",
    "AIza",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "hf_",
    "nvapi-",
    "pplx-",
    "r8_",
    "AKIA",
    "ASIA",
    "fw_",
    "csk-",
    "tgp_",
    "eyJ",
    "ya29.",
    "key-",
    "glpat-",
];

/// Words after which a token stands.
const SCHEMES: [&str; 4] = ["bearer ", "basic ", "x-api-key: ", "api_key="];

/// One account's secrets and addresses.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Vec<SecretString>,
    addresses: Vec<String>,
}

impl Redactor {
    /// Knows only what keys and addresses look like.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also removes this secret.
    #[must_use]
    pub fn secret(mut self, secret: SecretString) -> Self {
        if secret.expose_secret().len() >= SHORTEST_SECRET {
            self.secrets.push(secret);
            self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        }
        self
    }

    /// Also removes this host, with or without a port. A bare word such as `ollama` stays: it is also a word.
    #[must_use]
    pub fn address(mut self, address: &str) -> Self {
        if address.contains(['.', ':']) || address == "localhost" {
            self.addresses.push(address.to_ascii_lowercase());
            self.addresses.sort_by_key(|address| std::cmp::Reverse(address.len()));
            self.addresses.dedup();
        }
        self
    }

    /// `text` without secrets and addresses; borrowed when there was nothing to remove.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for secret in &self.secrets {
            let secret = secret.expose_secret();
            replace(&mut text, secret, SECRET_MARK);
            replace(&mut text, &json_escaped(secret), SECRET_MARK);
        }
        apply(&mut text, key_at, SECRET_MARK);
        for address in &self.addresses {
            apply(&mut text, |text, at| address_at(text, at, address), ADDRESS_MARK);
        }
        apply(&mut text, ipv4_at, ADDRESS_MARK);
        text
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("secrets", &self.secrets.len()).field("addresses", &self.addresses).finish()
    }
}

fn replace(text: &mut Cow<'_, str>, needle: &str, mark: &str) {
    if text.contains(needle) {
        *text = Cow::Owned(text.replace(needle, mark));
    }
}

/// The secret as it stands inside a JSON string.
fn json_escaped(secret: &str) -> String {
    let quoted = serde_json::Value::from(secret).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Replaces every span that `find` reports: given the text and a position at the start of a word, it returns which bytes
/// from there on to replace.
fn apply(text: &mut Cow<'_, str>, find: impl Fn(&str, usize) -> Option<std::ops::Range<usize>>, mark: &str) {
    let mut out: Option<String> = None;
    let (mut copied, mut at) = (0, 0);
    while at < text.len() {
        let starts_word = text.is_char_boundary(at) && (at == 0 || !text.as_bytes()[at - 1].is_ascii_alphanumeric());
        match starts_word.then(|| find(text, at)).flatten() {
            Some(span) => {
                let out = out.get_or_insert_with(String::new);
                out.push_str(&text[copied..span.start]);
                out.push_str(mark);
                copied = span.end;
                at = span.end;
            }
            None => at += 1,
        }
    }
    if let Some(mut out) = out {
        out.push_str(&text[copied..]);
        *text = Cow::Owned(out);
    }
}

/// A token that looks like a key, at the start of a word.
fn key_at(text: &str, at: usize) -> Option<std::ops::Range<usize>> {
    let rest = &text[at..];
    for scheme in SCHEMES {
        if rest.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme)) {
            let start = at + scheme.len();
            let end = start + token_len(&text[start..]);
            return looks_random(&text[start..end], 8).then_some(start..end);
        }
    }
    let prefix = KEY_PREFIXES.into_iter().find(|prefix| rest.starts_with(prefix))?;
    let end = at + token_len(rest);
    looks_random(&text[at + prefix.len()..end], 6).then_some(at..end)
}

/// How many bytes a key may go on. Vendors mask the middle of a key they quote with `*`.
fn token_len(text: &str) -> usize {
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.*+/=~".contains(byte)).count()
}

/// Long enough, and no ordinary word: a digit, a mask, both cases mixed, or very long.
fn looks_random(token: &str, shortest: usize) -> bool {
    let token = token.trim_end_matches('.');
    token.len() >= shortest && (token.len() >= 24 || token.bytes().any(|byte| byte.is_ascii_digit() || byte == b'*'))
}

/// The configured host at the start of a word, and not as the beginning of a longer name.
fn address_at(text: &str, at: usize, address: &str) -> Option<std::ops::Range<usize>> {
    let end = at + address.len();
    let found = text.get(at..end)?.eq_ignore_ascii_case(address);
    let goes_on = text[end..].bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (found && !goes_on).then_some(at..end)
}

/// A dotted IPv4 address with or without a port.
fn ipv4_at(text: &str, at: usize) -> Option<std::ops::Range<usize>> {
    let rest = &text[at..];
    let mut len = rest.bytes().take(15).take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    while len > 0 && rest.as_bytes()[len - 1] == b'.' {
        len -= 1;
    }
    rest[..len].parse::<Ipv4Addr>().ok()?;
    let port = rest[len..].strip_prefix(':').map_or(0, |port| port.bytes().take_while(u8::is_ascii_digit).count());
    Some(at..at + len + if port > 0 { port + 1 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redactor() -> Redactor {
        Redactor::new().secret("Zq8planted\"secret".into()).address("api.example.com").address("localhost:11434")
    }

    #[test]
    fn keys_and_addresses_go_and_the_wording_stays() {
        let table = [
            (
                "prompt is too long: 210000 tokens > 200000 maximum",
                "prompt is too long: 210000 tokens > 200000 maximum",
            ),
            (
                "Incorrect API key provided: sk-proj-ab12**********xyz9. You can find your API key at https://platform.openai.com/account/api-keys.",
                "Incorrect API key provided: [redacted] You can find your API key at https://platform.openai.com/account/api-keys.",
            ),
            ("invalid key gsk_abc123def456 for org", "invalid key [redacted] for org"),
            ("Authorization: Bearer abcDEF123456", "Authorization: Bearer [redacted]"),
            ("Bearer token is missing", "Bearer token is missing"),
            ("Bearer authentication required", "Bearer authentication required"),
            ("task-force and disk-space", "task-force and disk-space"),
            ("dial tcp 10.1.2.3:8000: refused", "dial tcp [upstream]: refused"),
            ("POST https://API.example.com/v1/x failed", "POST https://[upstream]/v1/x failed"),
            ("see docs.api.example.community", "see docs.api.example.community"),
            ("localhost:11434 refused", "[upstream] refused"),
            ("version 1.2.3 of gpt-4.1-2025-04-14", "version 1.2.3 of gpt-4.1-2025-04-14"),
            ("got Zq8planted\"secret!", "got [redacted]!"),
            (r#"{"e":"Zq8planted\"secret"}"#, r#"{"e":"[redacted]"}"#),
            ("größe ünïcode 私", "größe ünïcode 私"),
        ];
        for (text, expected) in table {
            assert_eq!(redactor().redact(text), expected);
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", redactor()).contains("planted"));
    }

    #[test]
    fn text_without_secrets_is_not_copied() {
        assert!(matches!(redactor().redact("nothing here"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn a_planted_secret_never_survives(
            secret in "[A-Za-z0-9+/=_-]{9,60}", before in "\\PC{0,40}", between in "\\PC{0,20}", after in "\\PC{0,40}",
        ) {
            prop_assume!(!SECRET_MARK.contains(&secret) && !ADDRESS_MARK.contains(&secret));
            let redactor = Redactor::new().secret(secret.clone().into()).address("api.example.com");
            let text = format!("{before}{secret}{between}{secret}{after}");
            prop_assert!(!redactor.redact(&text).contains(&secret));
        }

        #[test]
        fn no_text_panics_and_json_stays_json(text in "\\PC{0,80}", tail in "(sk-[a-z0-9]{8,20}|Bearer [a-z0-9]{9}|10\\.0\\.0\\.1:80)?") {
            let body = serde_json::json!({ "error": { "message": format!("{text} {tail}") } }).to_string();
            let redacted = redactor().redact(&body).into_owned();
            prop_assert!(serde_json::from_str::<serde_json::Value>(&redacted).is_ok(), "{redacted}");
        }
    }
}
