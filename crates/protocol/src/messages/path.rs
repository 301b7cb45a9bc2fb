//! Where a reader or writer stands in a body. Costs nothing until a fault or a loss is told.

use crate::{BadRequest, json::wire};
use serde::Deserialize;
use std::fmt;

/// A path such as `messages[2].content[0].text`, as a chain on the stack.
#[derive(Clone, Copy, Debug)]
pub(super) enum At<'a> {
    /// The body itself.
    Root,
    /// A member of an object.
    Key(&'a At<'a>, &'a str),
    /// An element of a list.
    Index(&'a At<'a>, usize),
}

impl<'a> At<'a> {
    pub(super) fn key(&'a self, key: &'a str) -> At<'a> {
        At::Key(self, key)
    }

    pub(super) fn index(&'a self, index: usize) -> At<'a> {
        At::Index(self, index)
    }

    /// A fault here.
    pub(super) fn fault(&self, message: impl fmt::Display) -> BadRequest {
        match self {
            At::Root => BadRequest::new(message.to_string()),
            At::Key(..) | At::Index(..) => BadRequest::at(self.to_string(), message),
        }
    }

    /// The member `key` is required here.
    pub(super) fn require<T>(&self, key: &str, value: Option<T>) -> Result<T, BadRequest> {
        value.ok_or_else(|| self.key(key).fault("Field required"))
    }

    /// Reads a wire type; faults inside get this path before theirs.
    pub(super) fn read<'j, T: Deserialize<'j>>(&self, json: &'j str) -> Result<T, BadRequest> {
        wire::read(json).map_err(|fault| {
            let Some(inner) = fault.param else { return self.fault(fault.message) };
            let message = fault.message.strip_prefix(&inner).and_then(|rest| rest.strip_prefix(": "));
            let message = message.unwrap_or(&fault.message);
            let dot = if inner.starts_with('[') || matches!(self, At::Root) { "" } else { "." };
            BadRequest::at(format!("{self}{dot}{inner}"), message)
        })
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Root => Ok(()),
            At::Key(At::Root, key) => f.write_str(key),
            At::Key(outer, key) => write!(f, "{outer}.{key}"),
            At::Index(outer, index) => write!(f, "{outer}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::List;

    #[test]
    fn faults_inside_a_nested_value_carry_the_whole_path() {
        let messages = At::Root.key("messages");
        let at = messages.index(2);
        assert_eq!(at.key("content").to_string(), "messages[2].content");
        let fault = at.read::<List<u8>>("[1,\"x\"]").unwrap_err();
        assert_eq!(fault.param.as_deref(), Some("messages[2][1]"));
        assert!(at.require("role", None::<u8>).unwrap_err().message.starts_with("messages[2].role: Field required"));
    }
}
