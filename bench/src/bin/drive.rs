//! The load driver: one thread, plain sockets; every answer is checked to the last byte. Prints one JSON object.
//!
//! ```text
//! drive closed --address A --path P --body FILE --header 'n: v' --connections 32 --seconds 1
//! drive stream …                                  --connections 100 --streams 100 --chunks 200 --last '[DONE]'
//! drive hold   …                                  --streams 2000        prints `held` and waits for its input to close
//! ```
//!
//! `closed`: each connection sends its next request as soon as it has the answer. `stream`: the same with streams, until
//! so many have been read. `hold`: opens streams, reads their first chunk, and keeps them open.

use rm_bench::{Options, WHOLE};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{self, Read},
    rc::Rc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::{JoinSet, LocalSet},
    time::timeout,
};

/// An answer that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let options = Options::read();
    let job = Rc::new(Job::new(&options)?);
    let tally = Rc::new(RefCell::new(Tally::default()));
    LocalSet::new().run_until(run(&options, &job, &tally)).await?;
    println!("{}", tally.borrow_mut().json());
    Ok(())
}

async fn run(options: &Options, job: &Rc<Job>, tally: &Rc<RefCell<Tally>>) -> io::Result<()> {
    match options.mode() {
        "closed" => {
            let end = Instant::now() + Duration::from_secs_f64(options.value("seconds")?);
            let more = Rc::new(move || Instant::now() < end);
            all_connections(options.value("connections")?, job, tally, &more).await;
        }
        "stream" => {
            let left = RefCell::new(options.value::<u64>("streams")?);
            let more = Rc::new(move || {
                let mut left = left.borrow_mut();
                let more = *left > 0;
                *left = left.saturating_sub(1);
                more
            });
            all_connections(options.value("connections")?, job, tally, &more).await;
        }
        "hold" => hold(options.value("streams")?, job, tally).await?,
        _ => return Err(io::Error::other("say closed, stream or hold")),
    }
    Ok(())
}

async fn all_connections<More>(count: u64, job: &Rc<Job>, tally: &Rc<RefCell<Tally>>, more: &Rc<More>)
where
    More: Fn() -> bool + 'static,
{
    let mut connections = JoinSet::new();
    for _ in 0..count {
        let (job, tally, more) = (Rc::clone(job), Rc::clone(tally), Rc::clone(more));
        connections.spawn_local(async move {
            let mut connection = None;
            while more() {
                let outcome = once(&mut connection, &job).await;
                if outcome.is_err() {
                    connection = None;
                }
                tally.borrow_mut().count(outcome);
            }
        });
    }
    connections.join_all().await;
}

/// Opens `count` streams, some at a time, says so, and keeps them until the standard input ends.
async fn hold(count: u64, job: &Rc<Job>, tally: &Rc<RefCell<Tally>>) -> io::Result<()> {
    const AT_A_TIME: usize = 50;
    let mut opening = JoinSet::new();
    let mut held = Vec::new();
    for _ in 0..count {
        let job = Rc::clone(job);
        opening.spawn_local(async move { open_stream(&job).await });
        if opening.len() == AT_A_TIME {
            held.extend(opening.join_next().await);
        }
    }
    held.extend(opening.join_all().await.into_iter().map(Ok));
    let held: Vec<_> = held.into_iter().filter_map(Result::ok).collect();
    for outcome in &held {
        let outcome = outcome.as_ref().map(|(_, time)| *time).map_err(Clone::clone);
        tally.borrow_mut().count(outcome);
    }
    println!("held");
    tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}

async fn open_stream(job: &Job) -> Result<(Connection, Duration), String> {
    let begun = Instant::now();
    let mut connection = Connection::open(&job.address).await?;
    let answer = timeout(PATIENCE, connection.exchange(job, Until::FirstChunk)).await.map_err(|_| "timeout")??;
    if answer.status == 200 { Ok((connection, begun.elapsed())) } else { Err(format!("status {}", answer.status)) }
}

/// One request; the time to its first chunk (streams) or to the end.
async fn once(slot: &mut Option<Connection>, job: &Job) -> Result<Duration, String> {
    if slot.is_none() {
        *slot = Some(Connection::open(&job.address).await?);
    }
    let Some(connection) = slot else { return Err("no connection".into()) };
    let begun = Instant::now();
    let answer = timeout(PATIENCE, connection.exchange(job, Until::End)).await.map_err(|_| "timeout")??;
    job.check(&answer)?;
    if !answer.keep_alive {
        *slot = None;
    }
    Ok(answer.first_chunk.unwrap_or_else(Instant::now) - begun)
}

/// What to send and what must come back.
struct Job {
    address: String,
    request: Vec<u8>,
    /// For streams: how many numbered chunks, and what the last event contains.
    stream: Option<(usize, String)>,
}

impl Job {
    fn new(options: &Options) -> io::Result<Self> {
        let body = std::fs::read(options.value::<String>("body")?)?;
        let (address, path) = (options.value::<String>("address")?, options.value::<String>("path")?);
        let headers: String = options.all("header").flat_map(|header| [header, "\r\n"]).collect();
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             {headers}content-length: {length}\r\n\r\n"
        );
        let last = options.value::<String>("last").ok();
        let stream = last.map(|last| Ok::<_, io::Error>((options.value_or("chunks", 200)?, last))).transpose()?;
        Ok(Self { address, request: [head.into_bytes(), body].concat(), stream })
    }

    fn check(&self, answer: &Answer) -> Result<(), String> {
        if answer.status != 200 {
            return Err(format!("status {}", answer.status));
        }
        let Some((chunks, last)) = &self.stream else {
            let whole = memchr::memmem::find(&answer.body, WHOLE.as_bytes()).is_some();
            return if whole { Ok(()) } else { Err("the upstream did not get the whole body".into()) };
        };
        let seen = chunks_in_order(&answer.body)?;
        if seen != *chunks {
            return Err(format!("{seen} of {chunks} chunks"));
        }
        let tail = &answer.body[answer.body.len().saturating_sub(200)..];
        if memchr::memmem::find(tail, last.as_bytes()).is_some() { Ok(()) } else { Err("no last event".into()) }
    }
}

/// Counts `~000000~`, `~000001~`, …; fails if one is missing or out of place.
fn chunks_in_order(body: &[u8]) -> Result<usize, String> {
    let mut count = 0;
    let mut tildes = memchr::memchr_iter(b'~', body);
    while let (Some(open), Some(close)) = (tildes.next(), tildes.next()) {
        let number = std::str::from_utf8(&body[open + 1..close]).ok().and_then(|text| text.parse().ok());
        if number != Some(count) {
            return Err(format!("chunk {count} is not where it belongs"));
        }
        count += 1;
    }
    Ok(count)
}

struct Answer {
    status: u16,
    keep_alive: bool,
    body: Vec<u8>,
    first_chunk: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq)]
enum Until {
    End,
    FirstChunk,
}

struct Connection {
    socket: TcpStream,
    input: Vec<u8>,
}

impl Connection {
    async fn open(address: &str) -> Result<Self, String> {
        let socket = TcpStream::connect(address).await.map_err(|error| format!("connect: {}", error.kind()))?;
        socket.set_nodelay(true).map_err(|error| format!("connect: {}", error.kind()))?;
        Ok(Self { socket, input: Vec::new() })
    }

    async fn exchange(&mut self, job: &Job, until: Until) -> Result<Answer, String> {
        self.input.clear();
        self.socket.write_all(&job.request).await.map_err(|error| format!("write: {}", error.kind()))?;
        let (mut answer, mut framing) = self.head().await?;
        loop {
            let done = framing.take(&mut self.input, &mut answer.body)?;
            if answer.first_chunk.is_none() && job.stream.is_some() && memchr::memchr(b'~', &answer.body).is_some() {
                answer.first_chunk = Some(Instant::now());
            }
            if done || (until == Until::FirstChunk && answer.first_chunk.is_some()) {
                return Ok(answer);
            }
            if self.fill().await? == 0 {
                answer.keep_alive = false;
                return if framing == Framing::ToTheEnd { Ok(answer) } else { Err("cut off".into()) };
            }
        }
    }

    async fn head(&mut self) -> Result<(Answer, Framing), String> {
        loop {
            if self.fill().await? == 0 {
                return Err("closed before the head".into());
            }
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut head = httparse::Response::new(&mut headers);
            let httparse::Status::Complete(length) = head.parse(&self.input).map_err(|error| error.to_string())? else {
                continue;
            };
            let value = |name: &str| {
                let header = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
                header.and_then(|header| std::str::from_utf8(header.value).ok())
            };
            let framing = match value("content-length").map(str::parse) {
                Some(length) => Framing::Length(length.map_err(|_| "bad content-length")?),
                None if value("transfer-encoding").is_some() => Framing::Chunked,
                None => Framing::ToTheEnd,
            };
            let keep_alive = value("connection") != Some("close");
            let answer = Answer { status: head.code.unwrap_or(0), keep_alive, body: Vec::new(), first_chunk: None };
            self.input.drain(..length);
            return Ok((answer, framing));
        }
    }

    async fn fill(&mut self) -> Result<usize, String> {
        self.input.reserve(4096);
        self.socket.read_buf(&mut self.input).await.map_err(|error| format!("read: {}", error.kind()))
    }
}

#[derive(PartialEq)]
enum Framing {
    /// So many bytes are left.
    Length(usize),
    Chunked,
    ToTheEnd,
}

impl Framing {
    /// Moves what belongs to the body from `input` to `body`; true at its end.
    fn take(&mut self, input: &mut Vec<u8>, body: &mut Vec<u8>) -> Result<bool, String> {
        match self {
            Self::ToTheEnd => {
                body.append(input);
                Ok(false)
            }
            Self::Length(left) => {
                let here = input.len().min(*left);
                body.extend(input.drain(..here));
                *left -= here;
                Ok(*left == 0)
            }
            Self::Chunked => take_chunks(input, body),
        }
    }
}

fn take_chunks(input: &mut Vec<u8>, body: &mut Vec<u8>) -> Result<bool, String> {
    const END_OF_LINE: usize = 2;
    let mut used = 0;
    let mut ended = false;
    while let httparse::Status::Complete((head, size)) =
        httparse::parse_chunk_size(&input[used..]).map_err(|_| "bad chunk size")?
    {
        let (from, to) = (used + head, used + head + size as usize);
        if input.len() < to + END_OF_LINE {
            break;
        }
        body.extend_from_slice(&input[from..to]);
        used = to + END_OF_LINE;
        if size == 0 {
            ended = true;
            break;
        }
    }
    input.drain(..used);
    Ok(ended)
}

#[derive(Default)]
struct Tally {
    times: Vec<Duration>,
    errors: BTreeMap<String, u64>,
}

impl Tally {
    fn count(&mut self, outcome: Result<Duration, String>) {
        match outcome {
            Ok(time) => self.times.push(time),
            Err(reason) => *self.errors.entry(reason).or_default() += 1,
        }
    }

    fn json(&mut self) -> String {
        self.times.sort_unstable();
        let at = |share: usize| self.times.get(self.times.len() * share / 100).map_or(0, Duration::as_micros);
        let errors: Vec<_> = self.errors.iter().map(|(reason, count)| format!("{reason:?}:{count}")).collect();
        let (good, errors) = (self.times.len(), errors.join(","));
        format!(r#"{{"good":{good},"p50_us":{},"p99_us":{},"errors":{{{errors}}}}}"#, at(50), at(99))
    }
}
