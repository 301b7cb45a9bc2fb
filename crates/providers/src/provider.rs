//! What every vendor adapter must be able to say.

use crate::{
    failure::{self, UpstreamFailure},
    models::{self, BadModelList, ModelListing},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::AUTHORIZATION};
use rm_catalog::{ProviderKind, builtin::Quirks};
use rm_protocol::{Dialect, Protocol};
use secrecy::{ExposeSecret, SecretString};
use std::time::SystemTime;
use thiserror::Error;

/// One kind of upstream. Unit structs implement it; [`crate::provider()`] is the only way to one.
pub trait Provider: Sync {
    /// Which kind this is.
    fn kind(&self) -> ProviderKind;

    /// The header that authorises a request in `protocol`. The value is marked sensitive.
    ///
    /// # Errors
    /// The key is empty or holds what no header may hold.
    fn authorization(
        &self,
        protocol: Protocol,
        key: &SecretString,
    ) -> Result<(HeaderName, HeaderValue), CannotPrepare> {
        let _ = protocol;
        bearer(key)
    }

    /// Which of the client's headers go upstream when client and upstream both speak `protocol`. An allow-list: what is
    /// not named here never leaves. `user-agent` goes in addition.
    fn forwards(&self, protocol: Protocol) -> &'static [HeaderName];

    /// How this upstream departs from its protocol's vendor.
    fn dialect(&self, quirks: Quirks) -> Dialect {
        Dialect {
            max_tokens: quirks.max_tokens.unwrap_or(Dialect::default().max_tokens),
            replay_reasoning: quirks.replay_reasoning,
            stream_usage: !quirks.no_stream_options,
            developer_role: !quirks.no_developer_role,
            anthropic: false,
            prompt_cache_key: self.kind() == ProviderKind::OpenAi,
            ..Dialect::default()
        }
    }

    /// Whether the upstream has `messages/count_tokens`.
    fn counts_tokens(&self) -> bool {
        false
    }

    /// The path of the model list under the base URL.
    fn models_path(&self) -> &'static str {
        "models"
    }

    /// The protocol whose authorisation and headers the model list wants.
    fn models_protocol(&self) -> Protocol {
        Protocol::Chat
    }

    /// What an answer that is not 2xx means. Not yet redacted; [`crate::Endpoint::failure`] does that.
    fn failure(
        &self,
        protocol: Protocol,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> UpstreamFailure {
        failure::read(protocol, status, headers, body, now)
    }

    /// Reads the body of the model list.
    ///
    /// # Errors
    /// The body is no JSON, or no list of models is in it.
    fn parse_models(&self, body: &[u8]) -> Result<Vec<ModelListing>, BadModelList> {
        models::parse(body)
    }
}

/// What a request asks of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Generate an answer, in this protocol.
    Generate(Protocol),
    /// Count the tokens of a Messages request.
    CountTokens,
    /// List the models.
    Models,
}

impl Operation {
    /// The protocol of the exchange, where it has one.
    pub fn protocol(self) -> Option<Protocol> {
        match self {
            Self::Generate(protocol) => Some(protocol),
            Self::CountTokens => Some(Protocol::Messages),
            Self::Models => None,
        }
    }
}

/// The part of an upstream head that depends on the request.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What is asked.
    pub operation: Operation,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// The client's headers when it speaks the same protocol as the upstream; `None` in the translated lane and for
    /// requests of our own.
    pub client: Option<&'a HeaderMap>,
    /// Our request id, sent as `x-client-request-id`.
    pub request_id: Option<&'a HeaderValue>,
    /// The client's own `Bearer …` value for an account in passthrough mode. Never the value that admitted the client
    /// here: that would give the gateway's key to a provider.
    pub passthrough: Option<&'a HeaderValue>,
}

impl Call<'_> {
    /// A call of our own, without a client's headers.
    pub fn new(operation: Operation) -> Self {
        Self { operation, stream: false, client: None, request_id: None, passthrough: None }
    }
}

/// How an account authorises itself.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A key that does not change.
    Key(SecretString),
    /// The client's own Bearer token.
    Passthrough,
    /// None: local servers, or authorisation by configured headers.
    None,
}

/// Why an account's requests cannot be prepared.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CannotPrepare {
    /// An empty secret is a configuration error, never a valid key.
    #[error("the key is empty")]
    EmptyKey,
    /// The key holds white space or control characters.
    #[error("the key holds spaces, line breaks or characters that no header may hold")]
    BadKey,
    /// A joined URL is no URL.
    #[error("the base URL gives no valid request URL")]
    BadUrl,
    /// A configured header may not be set, or its name or value is no header.
    #[error("header `{0}` is not valid here")]
    BadHeader(String),
}

/// `authorization: Bearer KEY`, marked sensitive.
pub(crate) fn bearer(key: &SecretString) -> Result<(HeaderName, HeaderValue), CannotPrepare> {
    Ok((AUTHORIZATION, secret_value("Bearer ", key)?))
}

/// `PREFIX` + key as a header value that Debug does not show.
pub(crate) fn secret_value(prefix: &str, key: &SecretString) -> Result<HeaderValue, CannotPrepare> {
    let key = key.expose_secret();
    if key.is_empty() {
        return Err(CannotPrepare::EmptyKey);
    }
    if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(CannotPrepare::BadKey);
    }
    let mut value = HeaderValue::from_str(&format!("{prefix}{key}")).map_err(|_| CannotPrepare::BadKey)?;
    value.set_sensitive(true);
    Ok(value)
}
