//! `model list`, `refresh` and `resolve`.

use crate::{
    client::Client,
    failure::Failure,
    show::{Format, View, print},
};
use http::Method;
use serde_json::Value;

/// Every model.
///
/// # Errors
/// The server does not answer.
pub(super) fn list(client: &Client, format: Option<Format>) -> Result<(), Failure> {
    let value = client.get("/api/admin/models")?;
    let row = |model: &Value| {
        let text = |key: &str| model[key].as_str().map(str::to_owned);
        let priority = model["priority"].as_u64().map(|priority| priority.to_string());
        let provider = text("provider").or_else(|| Some(format!("alias of {}", text("alias_of")?)));
        [priority, text("key"), text("name"), provider].map(|cell| cell.unwrap_or_else(|| "-".to_owned())).to_vec()
    };
    let models = &value["models"];
    let rows: Vec<_> = models.as_array().into_iter().flatten().map(row).collect();
    print(format, models, &View::Rows { head: vec!["Priority", "Model Key", "Display Name", "Provider"], rows })
}

/// Reads the configuration and the catalogues anew.
///
/// # Errors
/// The server does not answer, or its configuration is broken.
pub(super) fn refresh(client: &Client, format: Option<Format>) -> Result<(), Failure> {
    let value = client.send(Method::POST, "/api/admin/models/refresh", None)?;
    print(format, &value, &View::Record(vec![("Models", value["models_count"].to_string())]))
}

/// What a name means.
///
/// # Errors
/// The server does not answer, or knows no such model.
pub(super) fn resolve(client: &Client, name: &str, format: Option<Format>) -> Result<(), Failure> {
    let value = client.get(&format!("/api/admin/models/resolve?name={}", percent(name)))?;
    let text = |key: &str| value[key].as_str().unwrap_or("?").to_owned();
    let record = vec![
        ("Name", name.to_owned()),
        ("Model Key", text("key")),
        ("Provider", text("provider")),
        ("Sent as", text("upstream_model")),
        ("Found by", text("source")),
    ];
    print(format, &value, &View::Record(record))
}

/// Text as it stands in a query.
fn percent(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' | b'/' | b':' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
