//! Streams: chunks of `chat.completion.chunk`, ended by `data: [DONE]`.

mod calls;
mod chunk;
mod decode;
mod encode;
mod finish;

pub(super) use decode::Decoder;
pub(super) use encode::Encoder;
pub(super) use finish::Finish;
