//! Writing a request.
//!
//! A request of this protocol is written back as it was, but for what the target must not see. A request of another
//! protocol is rebuilt by Anthropic's rules: `conversation` puts the messages in order, `tools`, `output`, `thinking` and
//! `sampling` fit the options to the model, `cache` sets the marks. Both make a [`draft::Draft`], and `write` is the only
//! place that knows the order of members: options, tools, system, messages. So the bytes of a beginning depend on nothing
//! that follows, and prompt caches hold.

mod cache;
mod conversation;
mod draft;
mod foreign;
mod output;
mod parts;
mod same;
mod sampling;
mod schema;
mod source;
mod thinking;
mod tools;
mod write;

pub(super) use write::{arguments, block_extras};

use crate::{
    CannotEncode, Encoded, Protocol, Target,
    ir::{Losses, Names, Request},
};

pub(super) fn request(request: &Request, target: &Target<'_>) -> Result<Encoded, CannotEncode> {
    let mut losses = Losses::default();
    let mut names = Names::default();
    let draft = match request.extras.maker {
        Protocol::Messages => same::draft(request, target, &mut losses)?,
        Protocol::Chat => foreign::draft(request, target, &mut losses, &mut names)?,
    };
    Ok(Encoded { body: write::body(&draft), losses, names })
}
