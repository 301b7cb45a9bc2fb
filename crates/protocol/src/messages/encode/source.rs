//! Where the bytes of pictures and documents are.

use crate::{CannotEncode, Protocol, ir::Source, json::Writer};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Writes the object `source`.
pub(super) fn write(w: &mut Writer, source: &Source) {
    w.begin().key("type");
    match source {
        Source::Base64 { media_type, data } => match plain_text(media_type, data) {
            Some(text) => w.text("text").key("media_type").text("text/plain").key("data").text(&text),
            None => w.text("base64").key("media_type").text(media_type).key("data").text(data),
        },
        Source::Url(url) => match data_url(url) {
            Some((media_type, data)) => w.text("base64").key("media_type").text(media_type).key("data").text(data),
            None => w.text("url").key("url").text(url),
        },
        Source::Text(text) => w.text("text").key("media_type").text("text/plain").key("data").text(text),
        Source::File { id, .. } => w.text("file").key("file_id").text(id),
    };
    w.end();
}

/// Whether the target can read it at all.
pub(super) fn check(source: &Source, path: impl Fn() -> String) -> Result<(), CannotEncode> {
    match source {
        Source::File { maker, .. } if *maker != Protocol::Messages => {
            Err(CannotEncode { path: path(), why: "a file id of another vendor means nothing to this upstream".into() })
        }
        Source::Base64 { .. } | Source::Url(_) | Source::Text(_) | Source::File { .. } => Ok(()),
    }
}

/// The text of an inline text file: Anthropic takes it as text, not as base64.
fn plain_text(media_type: &str, data: &str) -> Option<String> {
    media_type
        .starts_with("text/")
        .then(|| STANDARD.decode(data).ok())
        .flatten()
        .and_then(|b| String::from_utf8(b).ok())
}

/// Splits `data:image/png;base64,…`.
fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    Some((head.strip_suffix(";base64")?, data))
}
