//! A point in an answer that the test opens.

use std::sync::Arc;

use tokio::sync::watch;

use crate::patience::within;

/// Holds an answer back until the test calls [`Gate::open`]. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    state: Arc<watch::Sender<State>>,
}

#[derive(Debug, Default)]
struct State {
    open: bool,
    arrived: usize,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self { state: Arc::new(watch::Sender::new(State::default())) }
    }

    /// Lets everyone through, now and later.
    pub fn open(&self) {
        self.state.send_modify(|state| state.open = true);
    }

    /// Waits until an answer has come to this gate: everything before it has been written.
    pub async fn reached(&self) {
        let mut state = self.state.subscribe();
        let arrived = state.wait_for(|state| state.arrived > 0);
        // The sender lives in `self`, so the wait cannot fail.
        drop(within(|| "an answer to reach the gate".to_owned(), arrived).await);
    }

    pub(crate) async fn pass(&self) {
        let mut state = self.state.subscribe();
        self.state.send_modify(|state| state.arrived += 1);
        drop(state.wait_for(|state| state.open).await);
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
