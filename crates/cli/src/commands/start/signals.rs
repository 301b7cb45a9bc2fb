//! Signals: SIGTERM and SIGINT let running answers finish, a second one ends at once, SIGHUP reads the configuration anew.

use crate::state::Registration;
use rm_gateway::Handle;
use std::{io, sync::Arc};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

/// The signals that a server listens to. From its making on, none of them ends the process by itself.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Acts on signals for as long as the process lives.
    pub(super) async fn watch(
        mut self,
        handle: Handle,
        ask: oneshot::Sender<()>,
        registration: Option<Arc<Registration>>,
    ) {
        self.asked_to_end(&handle).await;
        tracing::info!("ending: running answers may finish, a second signal ends at once");
        // Nobody waits for it when the server has ended by itself.
        let _ = ask.send(());
        self.asked_to_end(&handle).await;
        tracing::warn!("ending at once");
        if let Some(registration) = registration {
            registration.remove();
        }
        std::process::exit(1);
    }

    /// Waits for SIGTERM or SIGINT; reloads meanwhile.
    async fn asked_to_end(&mut self, handle: &Handle) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {
                    // The gateway logs how it went.
                    let _ = handle.reload().await;
                }
            }
        }
    }
}
