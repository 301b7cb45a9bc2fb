//! A machine of its own for each test: an empty home, a clean environment, and the servers that were started in it.

use rm_testkit::{Client, Response};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_router-maestro");

/// A home and an environment.
pub(crate) struct World {
    home: TempDir,
    env: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("work")).unwrap();
        Self { home, env: Vec::new() }
    }

    /// With a variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a file of the configuration directory.
    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        self.write(name, content);
        self
    }

    /// Replaces a file of the configuration directory.
    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.config(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn config(&self, name: &str) -> PathBuf {
        self.home.path().join("config/router-maestro").join(name)
    }

    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.home.path().join("data/router-maestro").join(name)
    }

    /// The working directory of commands.
    pub(crate) fn work(&self) -> PathBuf {
        self.home.path().join("work")
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The key of the context `local`.
    pub(crate) fn key(&self) -> String {
        let text = fs::read_to_string(self.config("contexts.json")).unwrap();
        let contexts: Value = serde_json::from_str(&text).unwrap();
        contexts["contexts"]["local"]["api_key"].as_str().unwrap().to_owned()
    }

    /// A program with this world around it.
    pub(crate) fn program(&self, program: impl Into<OsString>) -> Command {
        let mut command = Command::new(program.into());
        command
            .env_clear()
            .env("HOME", self.home.path())
            .env("XDG_CONFIG_HOME", self.home.path().join("config"))
            .env("XDG_DATA_HOME", self.home.path().join("data"))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.work())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(self.program(BINARY).args(arguments))
    }

    /// Runs a command that succeeds; returns what it printed.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, Some(0), "{arguments:?}: {outcome:?}");
        outcome.out
    }

    /// Starts a server on a port of the system's choice and waits until it listens.
    pub(crate) fn start(&self, arguments: &[&str]) -> Server {
        let mut child = self
            .program(BINARY)
            .args(["server", "start", "--port", "0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let err = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        out.read_line(&mut first).unwrap();
        let mut server = Server { child, out, err, banner: first.clone(), address: ([127, 0, 0, 1], 0).into() };
        let Some((_, address)) = first.trim_end().split_once("listens on http://") else {
            let outcome = server.end();
            panic!("the server did not start: {outcome:?}");
        };
        server.address = address.parse().unwrap();
        server
    }
}

impl Outcome {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// A server in the foreground; killed when dropped.
pub(crate) struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
    banner: String,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Reads the log up to a line that holds `text`.
    pub(crate) fn wait_for_log(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(self.err.read_line(&mut line).unwrap() > 0, "the log ended without `{text}`");
        }
    }

    /// Asks it to end, and waits.
    pub(crate) fn stop(self) -> Outcome {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// Waits until it has ended.
    pub(crate) fn ended(mut self) -> Outcome {
        self.end()
    }

    fn end(&mut self) -> Outcome {
        let mut out = std::mem::take(&mut self.banner);
        self.out.read_to_string(&mut out).unwrap();
        let mut err = String::new();
        self.err.read_to_string(&mut err).unwrap();
        Outcome { code: self.child.wait().unwrap().code(), out, err }
    }

    /// A connection with a request on its way.
    pub(crate) async fn asked(&self, path: &str, key: &str, body: &Value) -> Client {
        let mut client = Client::connect(self.address).await.unwrap();
        let bearer = format!("Bearer {key}");
        client.post_with(path, &[("authorization", &bearer)], body.to_string().as_bytes()).await.unwrap();
        client
    }

    /// One answer.
    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Response {
        self.asked(path, key, body).await.response().await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
