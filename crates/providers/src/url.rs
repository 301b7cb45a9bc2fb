//! A provider's base URL: what may be configured, and how paths are joined to it.
//!
//! The base holds the version segment (`https://api.openai.com/v1`) and requests go to `{base}/chat/completions`. People
//! leave the segment away, or end the base with a slash; both give the same URL:
//!
//! - trailing and doubled slashes are dropped;
//! - `/v1` is added unless some segment already is a version (`v1`, `v1beta`, `v3`, …), wherever it stands
//!   (`/v1beta/openai`, `/api/v3`, `/compatible-mode/v1`), or the vendor's paths have none (a quirk in the catalogue).
//!
//! Only configuration writes base URLs, but a slip there must not send a key to the wrong place: credentials, queries and
//! fragments are refused; plain HTTP and private hosts off this machine need an explicit option; link-local addresses,
//! where cloud metadata lives, are never allowed, nor are spellings of an IPv4 address that only resolvers understand.

use crate::address::{Reach, reach};
use http::Uri;
use std::{fmt, net::IpAddr};
use thiserror::Error;

/// What a base URL may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UrlPolicy {
    /// `options.allowInsecure`: plain HTTP and private hosts off this machine are allowed.
    pub allow_insecure: bool,
    /// The vendor's paths hold no version segment: none is added.
    pub no_version_segment: bool,
}

/// A checked base URL: scheme, authority and path, with the version segment and without a trailing slash.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    text: String,
    host: String,
    /// Where the authority ends in `text`.
    origin_len: usize,
}

/// Why a text cannot be a provider's base URL. Never quotes the URL: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadBaseUrl {
    /// Not `http://host…` or `https://host…`.
    #[error("is not a URL such as https://api.example.com/v1")]
    Malformed,
    /// A scheme other than http and https.
    #[error("must start with https:// or http://")]
    Scheme,
    /// `user:password@host`.
    #[error("must not hold a user name or password; write the key as `apiKeyEnv`")]
    UserInfo,
    /// A query or fragment.
    #[error("must not hold `?` or `#`")]
    QueryOrFragment,
    /// `.` or `..` as a segment.
    #[error("must not hold `.` or `..` as a path segment")]
    DotSegment,
    /// The base already ends in an operation.
    #[error("must end before `{0}`: the gateway adds the operation itself")]
    Operation(&'static str),
    /// A host that is no name and no plain address.
    #[error("has a host that is neither a name nor a plainly written address")]
    Host,
    /// Link-local, unspecified or multicast, or a metadata service.
    #[error("points at an address that is never allowed (link-local, metadata or unspecified)")]
    ForbiddenHost,
    /// Plain HTTP off this machine.
    #[error("uses plain http off this machine; use https, or set `options.allowInsecure: true`")]
    PlainHttp,
    /// A private host without the option.
    #[error("points at a private address; set `options.allowInsecure: true` if that is meant")]
    PrivateHost,
}

impl BaseUrl {
    /// Checks `text` and brings it into its one form.
    ///
    /// # Errors
    /// See [`BadBaseUrl`].
    pub fn parse(text: &str, policy: UrlPolicy) -> Result<Self, BadBaseUrl> {
        let text = text.trim();
        if text.contains(['?', '#']) {
            return Err(BadBaseUrl::QueryOrFragment);
        }
        let (scheme, rest) = text.split_once("://").ok_or(BadBaseUrl::Malformed)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(BadBaseUrl::Scheme),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(BadBaseUrl::UserInfo);
        }
        let authority = authority.to_ascii_lowercase();
        let host = host_of(&authority)?;
        check_host(host, secure, policy)?;
        let segments = segments_of(path, policy)?;

        let mut built = format!("{}://{authority}", if secure { "https" } else { "http" });
        let origin_len = built.len();
        for segment in segments {
            built.push('/');
            built.push_str(segment);
        }
        let uri: Uri = built.parse().map_err(|_| BadBaseUrl::Malformed)?;
        uri.host().ok_or(BadBaseUrl::Malformed)?;
        Ok(Self { host: host.to_owned(), text: built, origin_len })
    }

    /// `{base}/{path}`; `path` has no leading slash and may carry a query.
    ///
    /// # Errors
    /// `path` holds what no URL may hold.
    pub fn join(&self, path: &str) -> Result<Uri, BadBaseUrl> {
        format!("{}/{path}", self.text).parse().map_err(|_| BadBaseUrl::Malformed)
    }

    /// The whole base, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host: a lower-case name or an address, IPv6 without brackets.
    pub fn host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    /// Host and port as they stand in the URL.
    pub fn authority(&self) -> &str {
        let origin = &self.text[..self.origin_len];
        origin.split_once("://").map_or(origin, |(_, authority)| authority)
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        place(self.host()) == Some(Reach::Loopback)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Operations that people paste along with the base.
const OPERATIONS: [&str; 4] = ["/chat/completions", "/messages", "/responses", "/models"];

/// The path's segments, with `v1` added where the rule of the module says so.
fn segments_of(path: &str, policy: UrlPolicy) -> Result<Vec<&str>, BadBaseUrl> {
    let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.iter().any(|segment| matches!(*segment, "." | "..") || segment.contains('\\')) {
        return Err(BadBaseUrl::DotSegment);
    }
    let whole = format!("/{}", segments.join("/"));
    if let Some(operation) = OPERATIONS.into_iter().find(|operation| whole.ends_with(operation)) {
        return Err(BadBaseUrl::Operation(operation));
    }
    if !policy.no_version_segment && !segments.iter().any(|segment| is_version(segment)) {
        segments.push("v1");
    }
    Ok(segments)
}

/// `v1`, `v3`, `v1beta`, `v1alpha2`, `v2.1`.
fn is_version(segment: &str) -> bool {
    let Some(rest) = segment.strip_prefix(['v', 'V']) else { return false };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let tail = rest[digits..].trim_start_matches('.');
    digits > 0
        && (tail.is_empty()
            || tail.starts_with("beta")
            || tail.starts_with("alpha")
            || tail.bytes().all(|b| b.is_ascii_digit()))
}

/// The host of an authority, brackets kept; the port must be a number from 1.
fn host_of(authority: &str) -> Result<&str, BadBaseUrl> {
    let (host, port) = match authority.rfind(']') {
        Some(end) => (&authority[..=end], authority[end + 1..].strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    match port {
        Some(port) if port.parse::<u16>().is_ok_and(|number| number > 0) => Ok(host),
        None if host.len() == authority.len() => Ok(host),
        _ => Err(BadBaseUrl::Malformed),
    }
}

fn check_host(host: &str, secure: bool, policy: UrlPolicy) -> Result<(), BadBaseUrl> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match place(bare).ok_or(BadBaseUrl::Host)? {
        Reach::Forbidden => Err(BadBaseUrl::ForbiddenHost),
        Reach::Private if !policy.allow_insecure => Err(BadBaseUrl::PrivateHost),
        Reach::Private | Reach::Public if !secure && !policy.allow_insecure => Err(BadBaseUrl::PlainHttp),
        Reach::Loopback | Reach::Private | Reach::Public => Ok(()),
    }
}

/// Where a host lies as far as its spelling tells; `None` when it is no acceptable host.
fn place(host: &str) -> Option<Reach> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(reach(address));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let valid = !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        });
    if !valid || ends_in_number(name) {
        return None;
    }
    Some(match name {
        "localhost" => Reach::Loopback,
        "metadata.google.internal" | "metadata" | "instance-data" => Reach::Forbidden,
        _ if name.ends_with(".localhost") => Reach::Loopback,
        _ => Reach::Public,
    })
}

/// `2130706433`, `0x7f.1`, `127.0.0.1.`: resolvers read them as IPv4 addresses, so they are no names.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.bytes().all(|b| b.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests;
