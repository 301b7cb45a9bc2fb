//! Accepting connections and answering the requests on them, one after the other.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use crate::log::{Ending, Log};
use crate::play::{After, BodyAllowed, play};
use crate::reply::Reply;
use crate::wire::{Incoming, Limits, Received, read_request};

/// Paths with this beginning steer the upstream and are not recorded.
pub(crate) const CONTROL: &str = "/__";

/// Bytes of following requests that are read ahead while an answer is being sent.
const READ_AHEAD: usize = 1024 * 1024;

/// Pause after a failed accept, for instance while there are no descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a server does with its requests.
pub(crate) struct Service {
    pub(crate) answer: Box<dyn Fn(&Received) -> Reply + Send + Sync>,
    /// None: nothing is kept.
    pub(crate) log: Option<Log>,
    pub(crate) limits: Limits,
}

/// A running server; stops, connections included, when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens on `address`; fails when it is taken.
pub(crate) async fn start(address: SocketAddr, service: Service) -> io::Result<Running> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok(Running { address, task: tokio::spawn(accept(listener, Arc::new(service))) })
}

async fn accept(listener: TcpListener, service: Arc<Service>) {
    let slots = Arc::new(Semaphore::new(service.limits.connections));
    let mut connections = JoinSet::new();
    for number in 1.. {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let stream = loop {
            match listener.accept().await {
                Ok((stream, _)) => break stream,
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        };
        while connections.try_join_next().is_some() {}
        let service = Arc::clone(&service);
        connections.spawn(async move {
            serve(stream, number, &service).await;
            drop(slot);
        });
    }
}

async fn serve(mut stream: TcpStream, number: u64, service: &Service) {
    let _connected = service.log.as_ref().map(Log::connected);
    // A socket that refuses the option only sends larger packets.
    let _ = stream.set_nodelay(true);
    let mut buffer = BytesMut::new();
    loop {
        let request = read_request(&mut stream, &mut buffer, service.limits, number);
        let Ok(incoming) = tokio::time::timeout(service.limits.idle, request).await else { return };
        let after = match incoming {
            Incoming::Request(request) => exchange(&mut stream, &mut buffer, request, service).await,
            Incoming::Refused(status) => {
                let refusal = Reply::status(status).header("connection", "close");
                play(&refusal, &mut stream, &AtomicU64::new(0), BodyAllowed::Yes).await.unwrap_or(After::Close)
            }
            Incoming::Partial(request) => {
                if let Some(log) = &service.log {
                    log.begin(request).end(Ending::ClientGone(Instant::now()));
                }
                After::Close
            }
            Incoming::Closed => After::Close,
        };
        match after {
            After::KeepOpen => {}
            After::Close => {
                // Nothing is left to be done for a socket that is gone already.
                let _ = stream.shutdown().await;
                return;
            }
            After::Reset => {
                // Without this option the end is a FIN; only a closed socket refuses it.
                let _ = stream.set_zero_linger();
                return;
            }
        }
    }
}

/// Answers one request, watching for the client to leave.
async fn exchange(stream: &mut TcpStream, buffer: &mut BytesMut, request: Received, service: &Service) -> After {
    let body = if request.method == "HEAD" { BodyAllowed::No } else { BodyAllowed::Yes };
    let recorded = service.log.as_ref().filter(|_| !request.target.starts_with(CONTROL));
    let pending = recorded.map(|log| log.begin(request.clone()));
    let unrecorded = AtomicU64::new(0);
    let sent = pending.as_ref().map_or(&unrecorded, |pending| &pending.sent_bytes);
    let reply = (service.answer)(&request);
    let (mut read, mut write) = stream.split();
    let played = tokio::select! {
        biased;
        played = play(&reply, &mut write, sent, body) => played.ok(),
        () = client_left(&mut read, buffer) => None,
    };
    if let Some(pending) = pending {
        pending.end(if played.is_some() { Ending::Played } else { Ending::ClientGone(Instant::now()) });
    }
    played.unwrap_or(After::Close)
}

/// Returns when the client has closed its side or reset the connection. What it sends meanwhile goes to `buffer`.
async fn client_left<R: AsyncRead + Unpin>(read: &mut R, buffer: &mut BytesMut) {
    while buffer.len() < READ_AHEAD {
        if !read.read_buf(buffer).await.is_ok_and(|count| count > 0) {
            return;
        }
    }
    pending::<()>().await;
}
