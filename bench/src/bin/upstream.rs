//! The scripted upstream: Chat Completions and Messages, whole and as streams, without reading any JSON.
//!
//! `upstream`; prints the port it listens on. Path segments of the form `name=value` before `/v1` are options:
//! `gap` and `first` in milliseconds, `chunks`, `status`. So `/gap=10/v1/chat/completions` streams at 100 chunks a second.

use http_body_util::{BodyExt, Either, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Body, Bytes, Frame, Incoming},
    header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use rm_bench::{END_OF_BODY, WHOLE};
use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt::Write,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

const MODELS: &str = r#"{"object":"list","data":[{"id":"mock-model","object":"model","created":1700000000,"owned_by":"mock","type":"model","display_name":"Mock","created_at":"2025-01-01T00:00:00Z"}],"has_more":false,"first_id":"mock-model","last_id":"mock-model"}"#;
const REFUSAL: &str = r#"{"error":{"message":"Rate limit reached (mock)","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}"#;
/// Makes an answer about as long as a short paragraph.
const PARAGRAPH: &str = "The router picks one provider and streams its tokens back until a stop reason ends the answer; \
    what it cost is counted per model and class, and the next request starts from the same rules as this one did. \
    Nothing in this paragraph matters, except that it is as long as a short answer usually is and needs no escapes.";

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = rm_bench::listen()?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::spawn(async move {
            // A client that hangs up is the normal end.
            drop(http1::Builder::new().serve_connection(TokioIo::new(socket), service_fn(answer)).await);
        });
    }
}

type Answer = Response<Either<Full<Bytes>, Stream>>;

#[derive(Clone, Copy)]
enum Protocol {
    Chat,
    Messages,
}

struct Script {
    gap: Duration,
    first: Duration,
    chunks: u64,
    status: StatusCode,
}

impl Script {
    fn of(path: &str) -> Self {
        let option = |name: &str| {
            let mut values = path.split('/').filter_map(|segment| segment.strip_prefix(name)?.strip_prefix('='));
            values.find_map(|value| value.parse::<u64>().ok())
        };
        let status = option("status").and_then(|code| StatusCode::from_u16(code as u16).ok());
        Self {
            gap: Duration::from_millis(option("gap").unwrap_or(0)),
            first: Duration::from_millis(option("first").unwrap_or(0)),
            chunks: option("chunks").unwrap_or(200),
            status: status.unwrap_or(StatusCode::OK),
        }
    }
}

async fn answer(request: Request<Incoming>) -> Result<Answer, Infallible> {
    let path = request.uri().path().to_owned();
    let script = Script::of(&path);
    // A client that broke off sees no answer anyway.
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let protocol = match path.rsplit('/').next() {
        Some("completions") => Protocol::Chat,
        Some("messages") => Protocol::Messages,
        Some("models") => return Ok(json(StatusCode::OK, MODELS.into())),
        _ => return Ok(json(StatusCode::NOT_FOUND, r#"{"error":{"message":"no such path"}}"#.into())),
    };
    if script.status != StatusCode::OK {
        let mut refusal = json(script.status, REFUSAL.into());
        refusal.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return Ok(refusal);
    }
    sleep_unless_zero(script.first).await;
    if is_true(&body, "\"stream\"") {
        return Ok(stream(protocol, &script, is_true(&body, "\"include_usage\"")));
    }
    Ok(json(StatusCode::OK, whole(protocol, &body)))
}

async fn sleep_unless_zero(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

/// Whether `key` is followed by `true` anywhere in the body.
fn is_true(body: &[u8], key: &str) -> bool {
    memmem::find_iter(body, key).any(|at| {
        let value = body[at + key.len()..].trim_ascii_start();
        value.strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().starts_with(b"true"))
    })
}

fn json(status: StatusCode, body: Bytes) -> Answer {
    let mut response = Response::new(Either::Left(Full::new(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn whole(protocol: Protocol, body: &[u8]) -> Bytes {
    let seen = if memmem::rfind(body, END_OF_BODY.as_bytes()).is_some() { WHOLE } else { "whole=0" };
    let text = format!("{seen} {PARAGRAPH}");
    let body = match protocol {
        Protocol::Chat => format!(
            r#"{{"id":"chatcmpl-mock1","object":"chat.completion","created":1700000000,"model":"mock-model","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":123,"completion_tokens":50,"total_tokens":173,"prompt_tokens_details":{{"cached_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0}}}},"service_tier":"default","system_fingerprint":"fp_mock"}}"#
        ),
        Protocol::Messages => format!(
            r#"{{"id":"msg_mock1","type":"message","role":"assistant","model":"mock-model","content":[{{"type":"text","text":"{text}"}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":123,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":50}}}}"#
        ),
    };
    body.into()
}

fn stream(protocol: Protocol, script: &Script, with_usage: bool) -> Answer {
    let stream = Stream {
        protocol,
        gap: script.gap,
        number: 0,
        chunks: script.chunks,
        before: [opening(protocol)].into(),
        after: [closing(protocol, with_usage)].into(),
        pause: None,
        due: Instant::now(),
    };
    let mut response = Response::new(Either::Right(stream));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    response
}

/// A stream of numbered chunks, one frame each, `gap` apart.
struct Stream {
    protocol: Protocol,
    gap: Duration,
    number: u64,
    chunks: u64,
    before: VecDeque<Bytes>,
    after: VecDeque<Bytes>,
    pause: Option<Pin<Box<Sleep>>>,
    /// When the latest chunk was due; gaps count from here, so delays do not add up.
    due: Instant,
}

impl Stream {
    /// Ready when the next chunk is due. The first follows the opening at once.
    fn poll_due(&mut self, task: &mut Context<'_>) -> Poll<()> {
        if self.gap.is_zero() || self.number == 0 {
            return Poll::Ready(());
        }
        let due = self.due + self.gap;
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep_until(due)));
        let ready = pause.as_mut().poll(task);
        if ready.is_ready() {
            self.pause = None;
            self.due = due;
        }
        ready
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = if let Some(opening) = self.before.pop_front() {
            Some(opening)
        } else if self.number < self.chunks {
            std::task::ready!(self.poll_due(task));
            self.number += 1;
            Some(chunk(self.protocol, self.number - 1))
        } else {
            self.after.pop_front()
        };
        Poll::Ready(frame.map(|bytes| Ok(Frame::data(bytes))))
    }
}

fn opening(protocol: Protocol) -> Bytes {
    match protocol {
        Protocol::Chat => chat_chunk(r#"{"role":"assistant","content":"","refusal":null}"#, "null").into(),
        Protocol::Messages => Bytes::from_static(
            br#"event: message_start
data: {"type":"message_start","message":{"id":"msg_mock1","type":"message","role":"assistant","model":"mock-model","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":123,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: ping
data: {"type":"ping"}

"#,
        ),
    }
}

/// One numbered chunk; the driver checks that all of them arrive in order.
fn chunk(protocol: Protocol, number: u64) -> Bytes {
    match protocol {
        Protocol::Chat => chat_chunk(&format!(r#"{{"content":" word~{number:06}~"}}"#), "null").into(),
        Protocol::Messages => format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\" word~{number:06}~\"}}}}\n\n"
        )
        .into(),
    }
}

fn closing(protocol: Protocol, with_usage: bool) -> Bytes {
    if let Protocol::Messages = protocol {
        return Bytes::from_static(
            br#"event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":200}}

event: message_stop
data: {"type":"message_stop"}

"#,
        );
    }
    let mut text = chat_chunk("{}", r#""stop""#);
    if with_usage {
        text.push_str(r#"data: {"id":"chatcmpl-mock1","object":"chat.completion.chunk","created":1700000000,"model":"mock-model","service_tier":"default","system_fingerprint":"fp_mock","choices":[],"usage":{"prompt_tokens":123,"completion_tokens":200,"total_tokens":323}}"#);
        text.push_str("\n\n");
    }
    text.push_str("data: [DONE]\n\n");
    text.into()
}

fn chat_chunk(delta: &str, finish_reason: &str) -> String {
    let mut text = String::with_capacity(320);
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        r#"data: {{"id":"chatcmpl-mock1","object":"chat.completion.chunk","created":1700000000,"model":"mock-model","service_tier":"default","system_fingerprint":"fp_mock","choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish_reason}}}]}}"#
    );
    text.push_str("\n\n");
    text
}
