//! Starting and running a server: the crate's door for the command line and for tests.

use crate::{
    discovery::Discovery,
    ingress::{
        check::Reach,
        key::{KeyCheck, KeyHash},
    },
    listen,
    reload::Reload,
    server::{Admission, Gateway},
    snapshot::Snapshot,
    transport::Transport,
    workers,
};
use arc_swap::ArcSwap;
use rm_config::{Settings, Sources, Warnings};
use rm_store::Ledger;
use secrecy::{ExposeSecret, SecretString};
use std::{
    future::Future,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Instant,
};
use thiserror::Error;
use tokio::sync::{Semaphore, watch};

/// What a server is started with.
#[derive(Debug)]
pub struct Start {
    /// Where the configuration comes from, for reloads.
    pub sources: Sources,
    /// The configuration.
    pub settings: Settings,
    /// What is odd about it.
    pub warnings: Warnings,
    /// The server's own key, which admits beside the settings' `ingress_keys`; `None` only when `auth.required` is false.
    pub key: Option<SecretString>,
    /// The ledger's SQLite file.
    pub ledger: PathBuf,
}

/// Why a server does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The port is taken.
    #[error("{0} is already in use: stop what listens there, or choose another port with --port")]
    InUse(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Other machines could reach a server without a key.
    #[error("{0} is not a loopback address, so a key is required: set auth.required to true and give a key")]
    Open(SocketAddr),
    /// The system's certificates cannot be read.
    #[error("cannot read the system's certificates: {0}")]
    Certificates(#[source] io::Error),
}

/// A server that listens and does not yet serve.
pub struct Server {
    gateway: Arc<Gateway>,
    listener: std::net::TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Binds and prepares everything. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// See [`StartError`]; nothing has been served then.
    pub fn bind(start: Start) -> Result<Self, StartError> {
        let server = &start.settings.server;
        let wanted = SocketAddr::new(server.listen.host, server.listen.port);
        let loopback = wanted.ip().is_loopback();
        if !loopback && start.key.is_none() {
            return Err(StartError::Open(wanted));
        }
        let listener = listen::bind(wanted).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::InUse(wanted),
            _ => StartError::Listen { address: wanted, source },
        })?;
        let address = listener.local_addr().map_err(|source| StartError::Listen { address: wanted, source })?;
        let transport = Transport::new(server.timeouts.connect, server.timeouts.tls, workers::count())
            .map_err(StartError::Certificates)?;
        let descriptors = listen::connections_by_descriptors();
        let discovery = Discovery::default();
        let warnings = start.warnings.iter().map(ToString::to_string).collect();
        let snapshot = Snapshot::new(&start.settings, warnings, &discovery, None, 1);
        let further = &start.settings.ingress_keys;
        let keys = start
            .key
            .as_ref()
            .map(|own| std::iter::once(own).chain(further).map(|key| KeyHash::of(key.expose_secret())).collect());
        let gateway = Gateway {
            snapshot: ArcSwap::from_pointee(snapshot),
            transport,
            ledger: Ledger::open(&start.ledger),
            discovery,
            keys: KeyCheck::new(keys, server.auth.wrong_keys_per_minute),
            reach: Reach {
                loopback,
                hosts: server.auth.allowed_hosts.clone(),
                origins: server.auth.allowed_origins.clone(),
            },
            connections: server.limits.connections.unwrap_or(descriptors),
            started: Instant::now(),
            admission: Admission {
                serving: Arc::new(Semaphore::new(server.limits.in_flight as usize)),
                waiting: Arc::new(Semaphore::new(server.limits.queue as usize)),
                wait: server.limits.queue_wait,
            },
            cut: watch::channel(false).0,
            draining: AtomicBool::new(false),
            over: AtomicBool::new(false),
            panics: Arc::default(),
            rebuilding: Mutex::default(),
            reload: Reload::new(start.sources, start.settings, &start.warnings),
        };
        Ok(Self { gateway: Arc::new(gateway), listener, address })
    }

    /// Where it listens; tells the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle on the running server.
    pub fn handle(&self) -> Handle {
        Handle { gateway: self.gateway.clone() }
    }

    /// Serves until `shutdown` completes, lets running answers finish within the drain time, and writes the last rows.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let watch = tokio::spawn(self.gateway.clone().watch());
        listen::serve(self.gateway.clone(), self.listener, shutdown).await;
        watch.abort();
        self.gateway.ledger.close().await;
    }
}

/// A handle on a running server.
#[derive(Clone)]
pub struct Handle {
    gateway: Arc<Gateway>,
}

impl Handle {
    /// Reads the configuration anew (SIGHUP).
    ///
    /// # Errors
    /// Every problem as text; the last good configuration goes on.
    pub async fn reload(&self) -> Result<(), String> {
        self.gateway.reload_now().await
    }
}
