//! Pictures and documents in a request, to tell whether they arrived.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::ask::items;

/// A picture or document in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Media {
    /// Sent along; `bytes` is the decoded length.
    Inline {
        /// For instance `image/png`.
        media_type: String,
        /// Decoded length; `None` if the text is not base64.
        bytes: Option<usize>,
    },
    /// To be fetched from this URL.
    Url(String),
}

impl Media {
    /// Adds the media in a message's content, tool results included, to `to`.
    pub(crate) fn collect(content: &Value, to: &mut Vec<Self>) {
        for part in items(content) {
            let urls = [&part["image_url"]["url"], &part["file"]["file_data"]];
            to.extend(urls.into_iter().filter_map(Value::as_str).map(Self::from_url));
            let source = &part["source"];
            if let Some(data) = source["data"].as_str() {
                let media_type = source["media_type"].as_str().unwrap_or_default().to_owned();
                to.push(Self::inline(media_type, data));
            } else if let Some(url) = source["url"].as_str() {
                to.push(Self::Url(url.to_owned()));
            }
            Self::collect(&part["content"], to);
        }
    }

    fn from_url(url: &str) -> Self {
        match url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
            Some((media_type, data)) => Self::inline(media_type.to_owned(), data),
            None => Self::Url(url.to_owned()),
        }
    }

    fn inline(media_type: String, data: &str) -> Self {
        Self::Inline { media_type, bytes: STANDARD.decode(data).ok().map(|decoded| decoded.len()) }
    }
}

impl std::fmt::Display for Media {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inline { media_type, bytes: Some(bytes) } => write!(f, "{media_type} {bytes} bytes"),
            Self::Inline { media_type, bytes: None } => write!(f, "{media_type} with broken base64"),
            Self::Url(url) => write!(f, "url {url}"),
        }
    }
}
