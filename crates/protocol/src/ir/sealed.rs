//! Opaque reasoning in a foreign slot.
//!
//! A signature or an encrypted blob means something only to the account and model family that made it. When it travels
//! through a client that speaks another protocol it is wrapped as `rm1.<owner>.<payload>`, owner and payload in base64url,
//! and unwrapped only for the same owner; for any other it is removed.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

const MARK: &str = "rm1.";

/// Wraps `payload` for `owner`. Equal inputs give equal text.
pub fn seal(owner: &str, payload: &str) -> String {
    format!("{MARK}{}.{}", URL_SAFE_NO_PAD.encode(owner), URL_SAFE_NO_PAD.encode(payload))
}

/// Reads a wrapped value: owner and payload. `None` when `text` was not made by [`seal`].
pub fn unseal(text: &str) -> Option<(String, String)> {
    let (owner, payload) = text.strip_prefix(MARK)?.split_once('.')?;
    let text = |part: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    Some((text(owner)?, text(payload)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_comes_back_for_its_owner_and_plain_text_is_not_taken_for_one() {
        let sealed = seal("anthropic:claude", "EqQBsig==");
        assert_eq!(unseal(&sealed), Some(("anthropic:claude".into(), "EqQBsig==".into())));
        assert_eq!(unseal("EqQBsig=="), None);
        assert_eq!(unseal("rm1.!!.x"), None);
    }
}
