//! One account, ready to be called: everything that does not depend on the request is made once.
//!
//! A head costs one clone of a prepared map (whose values share memory) plus the few headers that the request brings.

use crate::{
    BaseUrl, Call, CannotPrepare, Credential, ModelListing, Operation, Provider, Redactor, UpstreamFailure,
    anthropic::VERSION, headers::is_settable, models::BadModelList, registry::provider,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri,
    header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
    request::Parts,
};
use rm_catalog::{ProviderId, ProviderKind, builtin::Quirks};
use rm_protocol::{Dialect, Protocol, UpstreamError};
use std::{fmt, time::SystemTime};

/// What an endpoint is made from.
#[derive(Clone, Debug)]
pub struct EndpointSpec<'a> {
    /// The configured provider's name.
    pub provider: &'a ProviderId,
    /// Its adapter.
    pub kind: ProviderKind,
    /// Its base URL.
    pub base: &'a BaseUrl,
    /// How it departs from its protocol's vendor.
    pub quirks: Quirks,
    /// How this account authorises itself.
    pub credential: &'a Credential,
    /// Configured headers, sent with every request; they win over ours.
    pub headers: &'a HeaderMap,
}

/// One account at one provider, ready to be called.
pub struct Endpoint {
    name: ProviderId,
    provider: &'static dyn Provider,
    dialect: Dialect,
    passthrough: bool,
    /// Headers that configuration sets: a client's value never replaces them.
    fixed: Vec<HeaderName>,
    chat: Prepared,
    messages: Prepared,
    count_tokens: Prepared,
    models: Prepared,
    redactor: Redactor,
}

/// A head without what the request brings.
struct Prepared {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");
const OWN_USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("router-maestro/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const SSE: HeaderValue = HeaderValue::from_static("text/event-stream");

impl Endpoint {
    /// Prepares all heads of an account.
    ///
    /// # Errors
    /// The key is empty or no header value, a configured header may not be set, or a joined URL is no URL.
    pub fn new(spec: &EndpointSpec<'_>) -> Result<Self, CannotPrepare> {
        if let Some(name) = spec.headers.keys().find(|name| !is_settable(name)) {
            return Err(CannotPrepare::BadHeader(name.as_str().to_owned()));
        }
        let provider = provider(spec.kind);
        let post = |path, protocol| Prepared::new(spec, provider, Method::POST, path, protocol);
        Ok(Self {
            name: spec.provider.clone(),
            provider,
            dialect: provider.dialect(spec.quirks),
            passthrough: matches!(spec.credential, Credential::Passthrough),
            fixed: spec.headers.keys().cloned().collect(),
            chat: post("chat/completions", Protocol::Chat)?,
            messages: post("messages", Protocol::Messages)?,
            count_tokens: post("messages/count_tokens", Protocol::Messages)?,
            models: Prepared::new(spec, provider, Method::GET, provider.models_path(), provider.models_protocol())?,
            redactor: redactor_of(spec),
        })
    }

    /// Method, absolute URI and headers of one request; the caller adds the body and its length.
    pub fn head(&self, call: &Call<'_>) -> Parts {
        let prepared = self.prepared(call.operation);
        let mut parts = Request::new(()).into_parts().0;
        parts.method = prepared.method.clone();
        parts.uri = prepared.uri.clone();
        parts.headers = prepared.headers.clone();
        let headers = &mut parts.headers;
        if call.stream {
            headers.insert(ACCEPT, SSE);
        }
        if let (Some(client), Some(protocol)) = (call.client, call.operation.protocol()) {
            for name in std::iter::once(&USER_AGENT).chain(self.provider.forwards(protocol)) {
                if !self.fixed.contains(name) {
                    forward(client, name, headers);
                }
            }
        }
        if let Some(id) = call.request_id {
            headers.insert(REQUEST_ID, id.clone());
        }
        if let (true, Some(value)) = (self.passthrough, call.passthrough) {
            let mut value = value.clone();
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        parts
    }

    /// The head that asks for the model list.
    pub fn models_request(&self) -> Parts {
        self.head(&Call::new(Operation::Models))
    }

    /// Reads the answer to [`Endpoint::models_request`].
    ///
    /// # Errors
    /// The body is no JSON, or no list of models is in it.
    pub fn parse_models(&self, body: &[u8]) -> Result<Vec<ModelListing>, BadModelList> {
        self.provider.parse_models(body)
    }

    /// What an answer that is not 2xx means, free of secrets and addresses. `protocol` is what the upstream was asked in.
    pub fn failure(
        &self,
        protocol: Protocol,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> UpstreamFailure {
        self.provider.failure(protocol, status, headers, body, now).for_client(self.name.as_str(), &self.redactor)
    }

    /// What an error inside a 200 means: it is treated like the status it names.
    pub fn stream_failure(&self, error: UpstreamError) -> UpstreamFailure {
        UpstreamFailure::of_error(error).for_client(self.name.as_str(), &self.redactor)
    }

    /// Removes this account's secrets and addresses from text for a client: error bodies of the byte lane.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// How this upstream departs from its protocol's vendor.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Its adapter's kind.
    pub fn kind(&self) -> ProviderKind {
        self.provider.kind()
    }

    /// Whether `messages/count_tokens` exists there.
    pub fn counts_tokens(&self) -> bool {
        self.provider.counts_tokens()
    }

    /// Whether the client's own Bearer token authorises requests ([`Call::passthrough`]).
    pub fn is_passthrough(&self) -> bool {
        self.passthrough
    }

    /// Where an operation goes.
    pub fn uri(&self, operation: Operation) -> &Uri {
        &self.prepared(operation).uri
    }

    fn prepared(&self, operation: Operation) -> &Prepared {
        match operation {
            Operation::Generate(Protocol::Chat) => &self.chat,
            Operation::Generate(Protocol::Messages) => &self.messages,
            Operation::CountTokens => &self.count_tokens,
            Operation::Models => &self.models,
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("provider", &self.name).field("kind", &self.kind()).finish_non_exhaustive()
    }
}

impl Prepared {
    fn new(
        spec: &EndpointSpec<'_>,
        provider: &dyn Provider,
        method: Method,
        path: &str,
        protocol: Protocol,
    ) -> Result<Self, CannotPrepare> {
        let mut headers = HeaderMap::with_capacity(16);
        headers.insert(ACCEPT, JSON);
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(USER_AGENT, OWN_USER_AGENT);
        if method == Method::POST {
            headers.insert(CONTENT_TYPE, JSON);
        }
        if protocol == Protocol::Messages {
            let (name, value) = VERSION;
            headers.insert(name, value);
        }
        if let Credential::Key(key) = spec.credential {
            let (name, value) = provider.authorization(protocol, key)?;
            headers.insert(name, value);
        }
        for (name, value) in spec.headers {
            headers.insert(name.clone(), value.clone());
        }
        let uri = spec.base.join(path).map_err(|_| CannotPrepare::BadUrl)?;
        Ok(Self { method, uri, headers })
    }
}

/// Replaces a header by all values the client sent under that name.
fn forward(client: &HeaderMap, name: &HeaderName, to: &mut HeaderMap) {
    let mut values = client.get_all(name).iter();
    if let Some(first) = values.next() {
        to.insert(name.clone(), first.clone());
        for value in values {
            to.append(name.clone(), value.clone());
        }
    }
}

/// Everything this account must not let through: its key, the values of configured secret headers, its address.
fn redactor_of(spec: &EndpointSpec<'_>) -> Redactor {
    let mut redactor = Redactor::new().address(spec.base.authority()).address(spec.base.host());
    if let Credential::Key(key) = spec.credential {
        redactor = redactor.secret(key.clone());
    }
    for value in spec.headers.values().filter(|value| value.is_sensitive()) {
        if let Ok(text) = value.to_str() {
            redactor = redactor.secret(text.into());
        }
    }
    redactor
}

#[cfg(test)]
mod tests;
