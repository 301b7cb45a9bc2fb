//! One accepted connection: the time limits that hyper does not keep.
//!
//! A connection waits for a request (long, between requests), reads its head (short, from the first byte or from accept)
//! and is then busy (no limit here: body, handler and answer have their own). A peer that does not read is cut off when a
//! write makes no progress for a while (R44). When an answer goes out before the request body was read (a refused upload),
//! the rest of the body is read and dropped for a moment before the socket closes: closing at once would reset the
//! connection, and the client would never see why it was refused. Heads are looked through for what hyper lets pass and
//! does not show.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep},
};

/// The limits of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnLimits {
    /// From accept, or from the first byte of a later request, to its complete head.
    pub(crate) head: Duration,
    /// Between an answer and the next request.
    pub(crate) idle: Duration,
    /// Without progress while writing.
    pub(crate) write: Duration,
}

const HEAD: u8 = 0;
const BUSY: u8 = 1;
const IDLE: u8 = 2;

/// What the connection is doing; the handler moves it.
#[derive(Debug, Default)]
pub(crate) struct Phase {
    doing: AtomicU8,
    /// Some of the last request's body may not have been read.
    unread: AtomicBool,
    /// A line of a head ended in LF alone.
    bare_lf: AtomicBool,
}

impl Phase {
    /// A head is complete.
    pub(crate) fn busy(&self) {
        self.unread.store(false, Ordering::Release);
        self.doing.store(BUSY, Ordering::Release);
    }

    /// Whether a line of a head on this connection ended in LF alone. hyper takes it for the end of a line and does not
    /// tell; other readers do not (R2).
    pub(crate) fn bare_lf(&self) -> bool {
        self.bare_lf.load(Ordering::Acquire)
    }

    /// The request may have been answered before its body was read.
    pub(crate) fn unread(&self) {
        self.unread.store(true, Ordering::Release);
    }

    /// The answer is done: the next request may take its time.
    pub(crate) fn idle(&self) {
        self.doing.store(IDLE, Ordering::Release);
    }

    fn get(&self) -> u8 {
        self.doing.load(Ordering::Acquire)
    }
}

/// Looks for a line of a head that ends in LF alone.
#[derive(Debug, Default)]
struct HeadScan {
    /// The last byte that was read from the socket, in a head or not.
    previous: u8,
    /// Bytes of the line that has not ended.
    line: usize,
    /// The request line is complete: an empty line is the end of the head, before it is none.
    begun: bool,
    /// The rest is body.
    done: bool,
}

impl HeadScan {
    /// The next bytes are the first of a head.
    fn restart(&mut self) {
        *self = Self { previous: self.previous, ..Self::default() };
    }

    /// Sees the next bytes of a head and what comes with them; true when an LF in the head stands without its CR.
    fn finds_bare_lf(&mut self, bytes: &[u8]) -> bool {
        let mut from = 0;
        while let Some(length) = bytes.get(from..).filter(|_| !self.done).and_then(|rest| memchr::memchr(b'\n', rest)) {
            let at = from + length;
            let before = at.checked_sub(1).and_then(|before| bytes.get(before)).copied().unwrap_or(self.previous);
            if before != b'\r' {
                self.done = true;
                return true;
            }
            let empty = self.line + length <= 1;
            self.done = empty && self.begun;
            self.begun |= !empty;
            self.line = 0;
            from = at + 1;
        }
        self.line += bytes.len() - from;
        self.passes(bytes);
        false
    }

    /// Sees bytes of no head.
    fn passes(&mut self, bytes: &[u8]) {
        self.previous = bytes.last().copied().unwrap_or(self.previous);
    }
}

/// A socket with limits.
pub(crate) struct TimedStream {
    inner: TcpStream,
    phase: Arc<Phase>,
    limits: ConnLimits,
    read: Pin<Box<Sleep>>,
    /// The phase for which `wait_until` was set.
    armed: u8,
    /// When the wait for a head is too long. `read` may fire earlier and is then set again: a timer that is rarely moved is
    /// cheaper than one moved with every request.
    wait_until: Instant,
    write: Pin<Box<Sleep>>,
    stalled: bool,
    scan: HeadScan,
    /// Our side is closed; the rest of what the client sends is dropped.
    lingering: bool,
}

/// How long a refused client may go on sending before the socket is closed.
const LINGER: Duration = Duration::from_secs(2);

impl TimedStream {
    pub(crate) fn new(inner: TcpStream, phase: Arc<Phase>, limits: ConnLimits) -> Self {
        Self {
            inner,
            phase,
            limits,
            read: Box::pin(tokio::time::sleep(limits.head)),
            armed: HEAD,
            wait_until: Instant::now() + limits.head,
            write: Box::pin(tokio::time::sleep(limits.write)),
            stalled: false,
            scan: HeadScan::default(),
            lingering: false,
        }
    }

    /// Looks at what was read.
    fn look(&mut self, bytes: &[u8]) {
        // The first byte after a pause starts the clock of the head.
        let doing = &self.phase.doing;
        if doing.compare_exchange(IDLE, HEAD, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.scan.restart();
        }
        // After an answer that did not wait for its request's body, the rest of that body may come first.
        if self.phase.get() == BUSY || self.phase.unread.load(Ordering::Acquire) {
            self.scan.passes(bytes);
        } else if self.scan.finds_bare_lf(bytes) {
            self.phase.bare_lf.store(true, Ordering::Release);
        }
    }

    /// Reads and drops what still comes, until the client closes or the time is over.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut space = [0; 8192];
        // Asked here as well: a client that sends faster than we read never leaves this loop by waiting.
        while Instant::now() < self.read.deadline() {
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut self.inner).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return self.read.as_mut().poll(cx),
            }
        }
        Poll::Ready(())
    }

    /// Fails when the current wait for a head took too long.
    fn poll_read_limit(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = self.phase.get();
        if phase == BUSY {
            self.armed = BUSY;
            return Poll::Pending;
        }
        if self.armed != phase {
            self.armed = phase;
            let limit = if phase == IDLE { self.limits.idle } else { self.limits.head };
            self.wait_until = Instant::now() + limit;
            if self.wait_until < self.read.deadline() {
                self.read.as_mut().reset(self.wait_until);
            }
        }
        while self.read.as_mut().poll(cx).is_ready() {
            if Instant::now() >= self.wait_until {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.read.as_mut().reset(self.wait_until);
        }
        Poll::Pending
    }

    fn poll_write_limit<T>(&mut self, cx: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.stalled = false;
            return wrote;
        }
        if !self.stalled {
            self.stalled = true;
            let at = Instant::now() + self.limits.write;
            self.write.as_mut().reset(at);
        }
        self.write.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        match Pin::new(&mut this.inner).poll_read(cx, buf) {
            Poll::Ready(done) => {
                this.look(buf.filled().get(before..).unwrap_or_default());
                Poll::Ready(done)
            }
            Poll::Pending => this.poll_read_limit(cx),
        }
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.inner).poll_write(cx, buf);
        this.poll_write_limit(cx, wrote)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.inner).poll_write_vectored(cx, bufs);
        this.poll_write_limit(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.lingering {
            ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
            if !this.phase.unread.load(Ordering::Acquire) {
                return Poll::Ready(Ok(()));
            }
            this.lingering = true;
            this.read.as_mut().reset(Instant::now() + LINGER);
        }
        this.poll_linger(cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the scan finds a bare LF, the bytes coming in two pieces cut anywhere.
    fn found(bytes: &[u8]) -> bool {
        let whole = HeadScan::default().finds_bare_lf(bytes);
        for cut in 0..bytes.len() {
            let mut scan = HeadScan::default();
            let (first, second) = bytes.split_at(cut);
            let pieces = scan.finds_bare_lf(first) || scan.finds_bare_lf(second);
            assert_eq!(pieces, whole, "cut at {cut}");
        }
        whole
    }

    #[test]
    fn a_bare_lf_is_found_in_a_head_and_left_alone_behind_it() {
        assert!(!found(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
        assert!(!found(b"\r\n\r\nPOST / HTTP/1.1\r\nhost: a\r\n\r\n{\n}\n\n"));
        for head in [
            &b"GET / HTTP/1.1\nhost: a\n\n"[..],
            b"GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n",
            b"GET / HTTP/1.1\r\nhost: a\r\n\n",
            b"GET / HTTP/1.1\r\nhost: a\n\r\n",
            b"\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            b"\r\nGET / HTTP/1.1\n\r\n",
        ] {
            assert!(found(head), "{}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn each_head_is_looked_at_from_its_begin() {
        let mut scan = HeadScan::default();
        assert!(!scan.finds_bare_lf(b"POST / HTTP/1.1\r\n\r\n{\n"));
        scan.passes(b"\n}\r");
        scan.restart();
        assert!(!scan.finds_bare_lf(b"\nGET / HTTP/1.1\r\n"), "its CR came before");
        assert!(scan.finds_bare_lf(b"host: a\n"));
    }
}
