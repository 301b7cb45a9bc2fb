//! Streams: chunks of `chat.completion.chunk`, ended by `data: [DONE]`.

mod balance;
mod calls;
mod chunk;
mod decode;
mod encode;
mod finish;
mod thought;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
pub(super) use finish::Finish;
