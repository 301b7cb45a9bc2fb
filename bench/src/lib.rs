//! What the three programs of the benchmark share: arguments, listening, and the words that prove a body came through whole.

use std::{io, str::FromStr};
use tokio::net::{TcpListener, TcpSocket};

/// The driver's requests end with it; the upstream says in its answer whether it saw it.
pub const END_OF_BODY: &str = "end-of-body-4c1d";
/// What an upstream that saw the whole body answers.
pub const WHOLE: &str = "whole=1";

/// `--name value` pairs of the command line.
pub struct Options(Vec<String>);

impl Options {
    /// Of this process.
    #[must_use]
    pub fn read() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// The first word.
    #[must_use]
    pub fn mode(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// All values given for `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.windows(2).filter(move |pair| pair[0].strip_prefix("--") == Some(name)).map(|pair| pair[1].as_str())
    }

    /// The value of `name` as a number or other plain value; an error names what is missing or wrong.
    pub fn value<T: FromStr>(&self, name: &str) -> io::Result<T> {
        let text = self.all(name).next();
        let value = text.and_then(|text| text.parse().ok());
        value.ok_or_else(|| io::Error::other(format!("--{name} is missing or wrong")))
    }

    /// The same with a default for a missing option.
    pub fn value_or<T: FromStr>(&self, name: &str, default: T) -> io::Result<T> {
        if self.all(name).next().is_none() { Ok(default) } else { self.value(name) }
    }
}

/// Listens on a free loopback port with room for thousands of connections at once, and prints the port.
pub fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener = socket.listen(4096)?;
    println!("{}", listener.local_addr()?.port());
    Ok(listener)
}
