//! Talking to a running server over HTTP.

use crate::{contexts::Target, failure::Failure};
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{
        Client as Pool,
        connect::{Connect, HttpConnector},
    },
    rt::TokioExecutor,
};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::time::Duration;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a whole answer may take; a refresh asks every upstream.
const ANSWER: Duration = Duration::from_mins(1);
/// Size of an answer at most.
const LARGEST: usize = 32 << 20;

/// A client of one server.
#[derive(Debug)]
pub(crate) struct Client {
    target: Target,
}

/// Why there is no answer.
enum Trouble {
    Connect(String),
    Broken(String),
}

impl Client {
    /// A client of this server. Connects with the first request.
    pub(crate) fn new(target: Target) -> Self {
        Self { target }
    }

    /// Where the server is.
    pub(crate) fn endpoint(&self) -> &str {
        &self.target.endpoint
    }

    /// The JSON behind a path.
    ///
    /// # Errors
    /// No server, no proper answer, or a refusal; says which and what to do.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(Method::GET, path, None)
    }

    /// Sends a request; returns the JSON of the answer.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let request = self.request(method, path, body)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::runtime)?;
        let answer = runtime.block_on(async {
            tokio::time::timeout(ANSWER, exchange(request))
                .await
                .unwrap_or_else(|_| Err(Trouble::Broken(format!("no answer within {} s", ANSWER.as_secs()))))
        });
        let Target { name, endpoint, .. } = &self.target;
        let (status, body) = answer.map_err(|trouble| match trouble {
            Trouble::Connect(why) => Failure::runtime(format!(
                "no server answers at {endpoint} (context `{name}`): {why}; start one with `router-maestro server start`"
            )),
            Trouble::Broken(why) => Failure::runtime(format!("{endpoint} (context `{name}`): {why}")),
        })?;
        let json: Option<Value> = serde_json::from_slice(&body).ok();
        match json {
            Some(json) if status.is_success() => Ok(json),
            json => Err(self.refusal(status, json.as_ref())),
        }
    }

    fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Request<Full<Bytes>>, Failure> {
        let Target { name, endpoint, key } = &self.target;
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{endpoint}{path}"))
            .header(header::USER_AGENT, concat!("router-maestro/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(bytes))
            .map_err(|_| Failure::usage(format!("`{endpoint}` (context `{name}`) is no http or https address")))?;
        if !matches!(request.uri().scheme_str(), Some("http" | "https")) {
            return Err(Failure::usage(format!("`{endpoint}` (context `{name}`) is no http or https address")));
        }
        if body.is_some() {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(key) = key {
            let bearer = format!("Bearer {}", key.expose_secret());
            let mut value = HeaderValue::try_from(bearer)
                .map_err(|_| Failure::usage(format!("the key of context `{name}` fits into no header")))?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// What an answer other than 2xx means.
    fn refusal(&self, status: StatusCode, body: Option<&Value>) -> Failure {
        let Target { name, endpoint, key } = &self.target;
        let text = |pointer: &str| body.and_then(|body| body.pointer(pointer)).and_then(Value::as_str);
        if status == StatusCode::UNAUTHORIZED {
            let what = if key.is_some() { "refuses the key" } else { "wants a key and there is none" };
            let advice = "set ROUTER_MAESTRO_API_KEY to the server's key, or write it into contexts.json";
            let advice = if name == crate::contexts::LOCAL { advice } else { "write its key into contexts.json" };
            return Failure::runtime(format!("{endpoint} {what} (context `{name}`); {advice}"));
        }
        let message = text("/error/message").or_else(|| text("/detail"));
        match (text("/error/code"), message) {
            (Some("invalid_configuration"), Some(problems)) => Failure::usage(problems),
            (_, Some(message)) => Failure::runtime(message),
            (_, None) => Failure::runtime(format!("{endpoint} answered {status}; is it a Router-Maestro server?")),
        }
    }
}

async fn exchange(request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Trouble> {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.enforce_http(false);
    if request.uri().scheme_str() == Some("http") {
        return exchange_over(tcp, request).await;
    }
    // Reading the system's certificates takes a while, so it is done only for https.
    let tls = hyper_rustls::HttpsConnectorBuilder::new()
        .with_native_roots()
        .map_err(|error| Trouble::Broken(format!("cannot read the system's certificates: {error}")))?
        .https_only()
        .enable_http1()
        .wrap_connector(tcp);
    exchange_over(tls, request).await
}

async fn exchange_over<C>(connector: C, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Trouble>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let pool = Pool::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(connector);
    let response = pool.request(request).await.map_err(|error| {
        let why = innermost(&error);
        if error.is_connect() { Trouble::Connect(why) } else { Trouble::Broken(why) }
    })?;
    let status = response.status();
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| Trouble::Broken(format!("its answer broke off: {error}")))?;
    Ok((status, body.to_bytes()))
}

/// The cause that says most.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
