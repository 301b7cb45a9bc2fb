//! Accepting connections, and letting them go.
//!
//! The number of connections is bounded; when descriptors run out, accepting pauses and goes on by itself (R52). On
//! shutdown nothing more is accepted, idle connections close, running answers may finish until the drain time is over and
//! are then ended in their own protocol (R50).

use crate::{
    conn::{ConnLimits, Phase, TimedStream},
    server::Gateway,
    workers::{self, Closing},
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};

/// Opens the listening socket. A taken port is an error at once.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}

/// Raises the soft limit on open files to the hard one and says how many connections it allows: half of it less 128 for
/// everything else, but a third at least.
pub(crate) fn connections_by_descriptors() -> u32 {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        // Not being allowed to is fine: what there is counts below.
        if setrlimit(Resource::Nofile, limit).is_err() {
            limit = getrlimit(Resource::Nofile);
        }
    }
    let files = limit.current.unwrap_or(1 << 20).min(1 << 20);
    let share = (files / 2).saturating_sub(128).max(files / 3).max(1);
    u32::try_from(share).unwrap_or(u32::MAX)
}

/// Serves until `shutdown` completes and the connections are gone, or the drain time is over twice.
pub(crate) async fn serve(gateway: Arc<Gateway>, listener: std::net::TcpListener, shutdown: impl Future<Output = ()>) {
    let connections = Arc::new(Semaphore::new(gateway.connections as usize));
    let (closing, _) = watch::channel(Closing::No);
    let workers = match workers::start(&gateway, &listener, &connections, &closing) {
        Ok(workers) => workers,
        Err(error) => {
            tracing::error!("cannot start the worker threads: {error}");
            return;
        }
    };
    drop(listener);
    shutdown.await;
    gateway.begin_drain();
    closing.send_replace(Closing::Draining);
    let all_gone = connections.acquire_many(gateway.connections);
    let drain = gateway.snapshot().tuning.timeouts.drain;
    if tokio::time::timeout(drain, all_gone).await.is_err() {
        gateway.cut_streams();
        // Time to hand the last events to the sockets.
        let rest = tokio::time::timeout(Duration::from_secs(2), connections.acquire_many(gateway.connections)).await;
        if rest.is_err() {
            tracing::warn!("connections were still open when the drain time was over");
        }
    }
    closing.send_replace(Closing::Gone);
    let ended = tokio::task::spawn_blocking(move || workers.into_iter().all(|worker| worker.join().is_ok())).await;
    if !ended.unwrap_or(false) {
        tracing::error!("a worker thread panicked");
    }
}

/// Accepts until dropped.
pub(crate) async fn accept(
    gateway: &Arc<Gateway>,
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
    closing: &watch::Receiver<Closing>,
) {
    let mut short = false;
    loop {
        // Closed only when this function is no longer running.
        let Ok(permit) = connections.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((socket, peer)) => {
                short = false;
                let (gateway, closing) = (gateway.clone(), closing.clone());
                tokio::spawn(async move {
                    connection(gateway, socket, peer.ip(), closing).await;
                    drop(permit);
                });
            }
            Err(error) => {
                drop(permit);
                if !std::mem::replace(&mut short, true) {
                    tracing::warn!("accepting a connection failed, trying again: {error}");
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(gateway: Arc<Gateway>, socket: TcpStream, peer: IpAddr, mut closing: watch::Receiver<Closing>) {
    // A socket that cannot be told so works all the same.
    let _ = socket.set_nodelay(true);
    let limits = {
        let tuning = &gateway.snapshot().tuning;
        ConnLimits { head: tuning.timeouts.client_head, idle: KEEP_ALIVE, write: tuning.timeouts.client_write }
    };
    let phase = Arc::new(Phase::default());
    let io = TokioIo::new(TimedStream::new(socket, phase.clone(), limits));
    let service = service_fn(|request| {
        phase.busy();
        let (gateway, phase) = (gateway.clone(), phase.clone());
        // Boxed, so that a connection has the room for it only while it is needed.
        Box::pin(async move { Ok::<_, std::convert::Infallible>(gateway.serve(request, peer, phase).await) })
    });
    let mut http = http1::Builder::new();
    http.max_headers(gateway.head_fields_cap()).max_buf_size(gateway.read_buffer());
    let mut connection = std::pin::pin!(http.serve_connection(io, service));
    let mut draining = std::pin::pin!(workers::reached(&mut closing, Closing::Draining));
    let mut cut = gateway.cut.subscribe();
    let mut over = std::pin::pin!(cut.wait_for(|over| *over));
    let (mut registered, mut told, mut woken) = (false, false, false);
    let ended = std::future::poll_fn(|cx| {
        // Polled once to be woken by it; after that a flag says whether it is worth another look.
        if !told && (!registered || gateway.draining.load(Ordering::Acquire)) && draining.as_mut().poll(cx).is_ready() {
            told = true;
            connection.as_mut().graceful_shutdown();
        }
        registered = true;
        // Only to be woken by it: the running request looks at `Gateway::over` when it is polled.
        woken = woken || (told && over.as_mut().poll(cx).is_ready());
        connection.as_mut().poll(cx)
    })
    .await;
    if let Err(error) = ended {
        tracing::debug!("a connection ended early: {error}");
    }
}

/// How long a connection may wait for its next request: longer than the pools of common clients keep theirs.
const KEEP_ALIVE: Duration = Duration::from_secs(90);
