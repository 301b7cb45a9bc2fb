//! Reading one HTTP/1.1 request from a socket, plainly and within limits.

use std::io;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// One request as it came in.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method, as written.
    pub method: String,
    /// The request target with its query, as written.
    pub target: String,
    /// All headers in their order, names as written.
    pub headers: Vec<(String, String)>,
    /// The body without its framing.
    pub body: Bytes,
    /// Number of the connection it came on, from 1.
    pub connection: u64,
    /// When its last byte had been read.
    pub at: Instant,
}

impl Received {
    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

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
}

/// What a connection may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) head_bytes: usize,
    pub(crate) body_bytes: usize,
    /// How long one request may take to arrive, waiting for it included.
    pub(crate) idle: Duration,
    pub(crate) connections: usize,
}

/// What came of waiting for the next request.
pub(crate) enum Incoming {
    Request(Received),
    /// The head came, but the client left before the end of the body.
    Partial(Received),
    /// Nothing more will come.
    Closed,
    /// Not a request that can be served; answer this status and close.
    Refused(u16),
}

/// Reads the next request; `buffer` carries bytes over from one request to the next.
pub(crate) async fn read_request<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
    limits: Limits,
    connection: u64,
) -> Incoming {
    let head_end = loop {
        if let Some(at) = find(buffer, b"\r\n\r\n") {
            break at + 4;
        }
        if buffer.len() > limits.head_bytes {
            return Incoming::Refused(431);
        }
        if !fill(stream, buffer).await {
            return Incoming::Closed;
        }
    };
    let head = buffer.split_to(head_end);
    let Some(mut request) = parse_head(&head, connection) else { return Incoming::Refused(400) };
    let Some(framing) = Framing::of(&request) else { return Incoming::Refused(400) };
    if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
        && stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_err()
    {
        return Incoming::Partial(request);
    }
    let body = match framing {
        Framing::Length(length) => read_sized(stream, buffer, length, limits.body_bytes).await,
        Framing::Chunked => read_chunked(stream, buffer, limits.body_bytes).await,
    };
    match body {
        Body::Whole(body) => {
            request.body = body;
            request.at = Instant::now();
            Incoming::Request(request)
        }
        Body::Partial(body) => {
            request.body = body;
            Incoming::Partial(request)
        }
        Body::TooLarge => Incoming::Refused(413),
        Body::Malformed => Incoming::Refused(400),
    }
}

/// Position of `needle` in `haystack`.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The start line and the headers of a head that ends in an empty line.
pub(crate) fn head_lines(head: &[u8]) -> (String, Vec<(String, String)>) {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let start = lines.next().unwrap_or_default().to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    (start, headers)
}

/// Adds one header line to a head.
pub(crate) fn push_header(head: &mut String, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        head.push_str(part);
    }
}

fn parse_head(head: &[u8], connection: u64) -> Option<Received> {
    let (start, headers) = head_lines(head);
    let mut words = start.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if method.is_empty() || target.is_empty() || !version.starts_with("HTTP/1.") {
        return None;
    }
    Some(Received {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: Bytes::new(),
        connection,
        at: Instant::now(),
    })
}

enum Framing {
    Length(usize),
    Chunked,
}

impl Framing {
    fn of(request: &Received) -> Option<Self> {
        if request.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return Some(Self::Chunked);
        }
        match request.header("content-length") {
            None => Some(Self::Length(0)),
            Some(length) => length.parse().ok().map(Self::Length),
        }
    }
}

enum Body {
    Whole(Bytes),
    Partial(Bytes),
    TooLarge,
    Malformed,
}

async fn read_sized<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut BytesMut, length: usize, limit: usize) -> Body {
    if length > limit {
        return Body::TooLarge;
    }
    while buffer.len() < length {
        if !fill(stream, buffer).await {
            return Body::Partial(buffer.split().freeze());
        }
    }
    Body::Whole(buffer.split_to(length).freeze())
}

async fn read_chunked<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut BytesMut, limit: usize) -> Body {
    let mut body = BytesMut::new();
    loop {
        match take_chunk(buffer, &mut body) {
            Chunk::Last => return Body::Whole(body.freeze()),
            Chunk::Data => {}
            Chunk::Malformed => return Body::Malformed,
            Chunk::Incomplete if body.len() + buffer.len() > limit => return Body::TooLarge,
            Chunk::Incomplete => {
                if !fill(stream, buffer).await {
                    body.extend_from_slice(buffer);
                    return Body::Partial(body.freeze());
                }
            }
        }
        if body.len() > limit {
            return Body::TooLarge;
        }
    }
}

/// What stood at the front of a chunked body.
pub(crate) enum Chunk {
    /// One chunk was moved to the body.
    Data,
    /// The closing chunk and its trailers were taken.
    Last,
    Incomplete,
    Malformed,
}

/// Moves one chunk from `buffer` to `body`.
pub(crate) fn take_chunk(buffer: &mut BytesMut, body: &mut BytesMut) -> Chunk {
    let Some(line_end) = find(buffer, b"\r\n") else {
        return if buffer.len() > 1024 { Chunk::Malformed } else { Chunk::Incomplete };
    };
    let line = String::from_utf8_lossy(&buffer[..line_end]).into_owned();
    let digits = line.split(';').next().unwrap_or_default().trim();
    let Some(size) = usize::from_str_radix(digits, 16).ok().filter(|size| *size < usize::MAX / 2) else {
        return Chunk::Malformed;
    };
    let start = line_end + 2;
    if size == 0 {
        return take_trailers(buffer, start);
    }
    if buffer.len() < start + size + 2 {
        return Chunk::Incomplete;
    }
    if &buffer[start + size..start + size + 2] != b"\r\n" {
        return Chunk::Malformed;
    }
    drop(buffer.split_to(start));
    body.extend_from_slice(&buffer.split_to(size));
    drop(buffer.split_to(2));
    Chunk::Data
}

/// Takes the closing chunk at the front of `buffer` (its size line ends at `start`) and any trailers.
fn take_trailers(buffer: &mut BytesMut, start: usize) -> Chunk {
    let end = if buffer[start..].starts_with(b"\r\n") {
        Some(start + 2)
    } else {
        find(&buffer[start..], b"\r\n\r\n").map(|at| start + at + 4)
    };
    let Some(end) = end else { return Chunk::Incomplete };
    drop(buffer.split_to(end));
    Chunk::Last
}

/// Reads more bytes; false when there are none left to come.
async fn fill<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut BytesMut) -> bool {
    let read: io::Result<usize> = stream.read_buf(buffer).await;
    read.is_ok_and(|count| count > 0)
}
