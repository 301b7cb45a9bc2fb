//! A plain HTTP/1.1 client for tests: it sends bytes as they are and shows how an answer really ended.

use std::io;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::patience::within;
use crate::wire::{Chunk, find, head_lines, push_header, take_chunk};

/// One connection. Dropping it closes the connection, even in the middle of an answer.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    /// Bytes read but not yet consumed.
    buffer: BytesMut,
    /// Decoded body bytes of the current answer not yet given out as events.
    events: BytesMut,
    framing: Framing,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// All headers in order, names as written.
    pub headers: Vec<(String, String)>,
    /// The body without its framing; of a broken answer what came.
    pub body: Bytes,
    /// Did the body come to its proper end?
    pub complete: bool,
}

/// One server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The `event:` field; empty if there is none.
    pub name: String,
    /// The `data:` field.
    pub data: String,
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    Left(usize),
    Chunked,
    UntilClose,
    Ended,
}

impl Client {
    /// Connects. Fails when nobody listens.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: BytesMut::new(), events: BytesMut::new(), framing: Framing::Ended })
    }

    /// Posts a JSON body.
    pub async fn post(&mut self, path: &str, body: &Value) -> io::Result<()> {
        self.post_with(path, &[], body.to_string().as_bytes()).await
    }

    /// Posts a body with further headers.
    pub async fn post_with(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<()> {
        let mut request = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n");
        for (name, value) in headers {
            push_header(&mut request, name, value);
        }
        push_header(&mut request, "content-length", &body.len().to_string());
        request.push_str("\r\n");
        self.send(&[request.as_bytes(), body].concat()).await
    }

    /// Asks for a path.
    pub async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> io::Result<()> {
        let mut request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n");
        for (name, value) in headers {
            push_header(&mut request, name, value);
        }
        request.push_str("\r\n");
        self.send(request.as_bytes()).await
    }

    /// Sends these bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Reads one whole answer. Fails when the connection ends before the head is complete: `UnexpectedEof` after a
    /// FIN, `ConnectionReset` after a reset, `InvalidData` for something that is no head.
    pub async fn response(&mut self) -> io::Result<Response> {
        let (status, headers) = self.head().await?;
        let mut body = BytesMut::new();
        let complete = loop {
            match self.more(&mut body).await {
                Ok(true) => {}
                Ok(false) => break true,
                Err(_) => break false,
            }
        };
        Ok(Response { status, headers, body: body.freeze(), complete })
    }

    /// Reads the head of an answer; its body can then be had with [`Client::event`] or [`Client::more`]. Interim
    /// answers (1xx) are passed over.
    pub async fn head(&mut self) -> io::Result<(u16, Vec<(String, String)>)> {
        loop {
            let (status, headers) = self.any_head().await?;
            if status >= 200 {
                return Ok((status, headers));
            }
        }
    }

    async fn any_head(&mut self) -> io::Result<(u16, Vec<(String, String)>)> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let (start, headers) = head_lines(&self.buffer.split_to(end));
        let status = start.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status: u16 = status.ok_or(io::ErrorKind::InvalidData)?;
        let of = |name: &str| headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        self.events.clear();
        self.framing = match (of("transfer-encoding"), of("content-length")) {
            (Some(_), _) => Framing::Chunked,
            (None, Some(length)) => Framing::Left(length.parse().map_err(|_| io::ErrorKind::InvalidData)?),
            (None, None) if status == 204 || status == 304 || status < 200 => Framing::Ended,
            (None, None) => Framing::UntilClose,
        };
        Ok((status, headers))
    }

    /// Adds the next bytes of the body to `body`; false at its proper end. Fails when it breaks off.
    pub async fn more(&mut self, body: &mut BytesMut) -> io::Result<bool> {
        loop {
            match self.framing {
                Framing::Ended | Framing::Left(0) => return Ok(false),
                Framing::Left(left) if !self.buffer.is_empty() => {
                    let piece = self.buffer.split_to(left.min(self.buffer.len()));
                    self.framing = Framing::Left(left - piece.len());
                    body.extend_from_slice(&piece);
                    return Ok(true);
                }
                Framing::UntilClose if !self.buffer.is_empty() => {
                    body.extend_from_slice(&self.buffer.split());
                    return Ok(true);
                }
                Framing::Chunked => match take_chunk(&mut self.buffer, body) {
                    Chunk::Data => return Ok(true),
                    Chunk::Last => {
                        self.framing = Framing::Ended;
                        return Ok(false);
                    }
                    Chunk::Malformed => return Err(io::ErrorKind::InvalidData.into()),
                    Chunk::Incomplete => {}
                },
                Framing::Left(_) | Framing::UntilClose => {}
            }
            if self.fill().await? == 0 {
                return match self.framing {
                    Framing::UntilClose => Ok(false),
                    Framing::Left(_) | Framing::Chunked | Framing::Ended => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    /// The next event of a stream whose head was read; comments are passed over. `None` at the body's proper end,
    /// where half an event is dropped; fails when the body breaks off.
    pub async fn event(&mut self) -> io::Result<Option<Event>> {
        loop {
            if let Some(end) = find(&self.events, b"\n\n") {
                let event = Event::parse(&self.events.split_to(end + 2));
                if event.is_some() {
                    return Ok(event);
                }
                continue;
            }
            let mut body = BytesMut::new();
            if !self.more(&mut body).await? {
                return Ok(None);
            }
            self.events.extend(body.iter().copied().filter(|&byte| byte != b'\r'));
        }
    }

    /// All events to the body's proper end; fails when it breaks off.
    pub async fn events(&mut self) -> io::Result<Vec<Event>> {
        let mut events = Vec::new();
        while let Some(event) = self.event().await? {
            events.push(event);
        }
        Ok(events)
    }

    /// Waits for the server's end of the connection: `Ok` with the bytes still sent before a FIN, an error after a
    /// reset.
    pub async fn closed(&mut self) -> io::Result<Bytes> {
        while self.fill().await? > 0 {}
        Ok(self.buffer.split().freeze())
    }

    async fn fill(&mut self) -> io::Result<usize> {
        within(|| "bytes from the server".to_owned(), self.stream.read_buf(&mut self.buffer)).await
    }
}

impl Response {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text; bytes that are not UTF-8 show as replacement characters.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The events of a body that is an event stream.
    pub fn events(&self) -> Vec<Event> {
        let text = self.text().replace('\r', "");
        text.split_inclusive("\n\n").filter_map(|block| Event::parse(block.as_bytes())).collect()
    }
}

impl Event {
    /// The data as JSON; `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_default()
    }

    fn parse(block: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(block);
        let field = |name: &str| {
            let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let values: Vec<&str> = lines.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect();
            (!values.is_empty()).then(|| values.join("\n"))
        };
        let data = field("data")?;
        Some(Self { name: field("event").unwrap_or_default(), data })
    }
}
