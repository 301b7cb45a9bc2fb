//! A scripted upstream as a process of its own, for test suites that are not written in Rust.
//!
//! `scripted-upstream --port 0 --script agent|demo|sdk` prints `listening on 127.0.0.1:PORT` as its first line and
//! serves until its standard input closes or SIGTERM comes. `GET /__requests` gives what it received as JSON,
//! `POST /__reset` forgets it.

use std::io::{self, Write as _};
use std::process::ExitCode;

use rm_testkit::{Log, Received, Reply, Upstream, agent, demo, sdk};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

const USAGE: &str = "usage: scripted-upstream [--port PORT] --script agent|demo|sdk";

type Script = Box<dyn Fn(&Received) -> Reply + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some((port, script)) = arguments(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match serve(port, script).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scripted-upstream: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments(mut given: impl Iterator<Item = String>) -> Option<(u16, Script)> {
    let (mut port, mut script) = (0, None);
    while let Some(name) = given.next() {
        let value = given.next()?;
        match name.as_str() {
            "--port" => port = value.parse().ok()?,
            "--script" => script = Some(named(&value)?),
            _ => return None,
        }
    }
    Some((port, script?))
}

fn named(script: &str) -> Option<Script> {
    match script {
        "agent" => Some(Box::new(agent::claude_code_bash())),
        "demo" => Some(Box::new(demo::handler())),
        "sdk" => Some(Box::new(sdk::handler())),
        _ => None,
    }
}

async fn serve(port: u16, script: Script) -> io::Result<()> {
    let upstream = Upstream::listen(port).await?;
    let log = upstream.log().clone();
    upstream.handle_all(move |request| control(&log, request).unwrap_or_else(|| script(request)));
    let mut out = io::stdout();
    writeln!(out, "listening on {}", upstream.address())?;
    out.flush()?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = input_closed() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Resolves when standard input ends. A plain thread reads it, which does not keep the process alive at SIGTERM.
fn input_closed() -> oneshot::Receiver<io::Result<u64>> {
    let (closed, wait) = oneshot::channel();
    std::thread::spawn(move || closed.send(io::copy(&mut io::stdin(), &mut io::sink())));
    wait
}

fn control(log: &Log, request: &Received) -> Option<Reply> {
    match (request.method.as_str(), request.path()) {
        ("GET", "/__requests") => Some(Reply::json(200, &log.to_json())),
        ("POST", "/__reset") => {
            log.clear();
            Some(Reply::json(200, &json!({"reset": true})))
        }
        _ => None,
    }
}
