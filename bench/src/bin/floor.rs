//! The floor: what forwarding costs with the gateway's own HTTP library and runtime when nobody looks at anything.
//!
//! `floor --upstream 127.0.0.1:PORT`; prints the port it listens on.

use http_body_util::{BodyExt, Empty, combinators::BoxBody};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    header::HOST,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use rm_bench::Options;
use std::{convert::Infallible, io, sync::Arc};

type Upstream = Client<HttpConnector, Incoming>;
type Body = BoxBody<Bytes, hyper::Error>;

#[tokio::main]
async fn main() -> io::Result<()> {
    let authority: Arc<str> = Options::read().value::<String>("upstream")?.into();
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let upstream: Upstream = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(1024).build(connector);
    // On a worker thread: the main thread would hand every new connection over to one.
    tokio::spawn(serve(authority, upstream)).await?
}

async fn serve(authority: Arc<str>, upstream: Upstream) -> io::Result<()> {
    let listener = rm_bench::listen()?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let (authority, upstream) = (Arc::clone(&authority), upstream.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| forward(request, &authority, &upstream));
            // A client that hangs up is the normal end.
            drop(http1::Builder::new().serve_connection(TokioIo::new(socket), service).await);
        });
    }
}

async fn forward(mut request: Request<Incoming>, authority: &str, to: &Upstream) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let Ok(uri) = format!("http://{authority}{path}").parse::<Uri>() else { return Ok(bad_gateway()) };
    *request.uri_mut() = uri;
    request.headers_mut().remove(HOST);
    Ok(to.request(request).await.map_or_else(|_| bad_gateway(), |response| response.map(BodyExt::boxed)))
}

fn bad_gateway() -> Response<Body> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
