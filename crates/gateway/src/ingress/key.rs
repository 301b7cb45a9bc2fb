//! The caller's key.
//!
//! Clients send their key in several fields, some in two at once: any valid one admits (R11). Keys are compared by their
//! SHA-256, each with every key that admits, in constant time. Missing and wrong keys are both 401, with different codes.
//! Wrong keys are counted per peer; over the limit a peer's wrong keys get 429, while valid ones still pass (R12).

use http::{HeaderMap, HeaderValue};
use rm_protocol::{ErrorKind, ErrorView};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use subtle::{Choice, ConstantTimeEq};

/// The SHA-256 of a key that admits.
#[derive(Clone, Debug)]
pub(crate) struct KeyHash([u8; 32]);

impl KeyHash {
    pub(crate) fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }
}

/// Checks keys.
#[derive(Debug)]
pub(crate) struct KeyCheck {
    /// `None` when `auth.required` is false.
    keys: Option<Vec<KeyHash>>,
    wrong: Mutex<HashMap<IpAddr, (Instant, u32)>>,
    wrong_per_minute: u32,
}

const WINDOW: Duration = Duration::from_mins(1);
/// Peers remembered at most; over it the oldest windows go.
const PEERS: usize = 4096;

impl KeyCheck {
    /// With `None` everybody is admitted.
    pub(crate) fn new(keys: Option<Vec<KeyHash>>, wrong_per_minute: u32) -> Self {
        Self { keys, wrong: Mutex::default(), wrong_per_minute }
    }

    /// Admits a caller.
    ///
    /// # Errors
    /// 401 without a valid key, 429 after too many wrong ones.
    pub(crate) fn admit(&self, headers: &HeaderMap, peer: IpAddr, now: Instant) -> Result<(), ErrorView> {
        let Some(keys) = &self.keys else { return Ok(()) };
        let mut presented = false;
        for credential in credentials(headers) {
            presented = true;
            if admits(keys, credential) {
                return Ok(());
            }
        }
        if !presented {
            let message = "Missing API key. Send `Authorization: Bearer <key>` or `x-api-key: <key>`; \
                           `router-maestro server show-key` prints it.";
            return Err(ErrorView::new(ErrorKind::Auth, "missing_api_key", message));
        }
        if self.count_wrong(peer, now) > self.wrong_per_minute {
            let mut view = ErrorView::new(
                ErrorKind::RateLimit,
                "too_many_wrong_keys",
                "Too many wrong API keys from this address",
            );
            view.retry_after = Some(WINDOW);
            return Err(view);
        }
        // LiteLLM as a client tells this error by these words.
        Err(ErrorView::new(
            ErrorKind::Auth,
            "invalid_api_key",
            "Invalid API key: Incorrect API key provided to the gateway",
        ))
    }

    fn count_wrong(&self, peer: IpAddr, now: Instant) -> u32 {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() >= PEERS {
            wrong.retain(|_, (since, _)| now.duration_since(*since) < WINDOW);
            if wrong.len() >= PEERS {
                wrong.clear();
            }
        }
        let (since, count) = wrong.entry(peer).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        *count
    }
}

/// Whether a credential is one of the keys. All are compared, so that the time does not tell which one it is.
fn admits(keys: &[KeyHash], credential: &[u8]) -> bool {
    let hash: [u8; 32] = Sha256::digest(credential).into();
    keys.iter().fold(Choice::from(0), |found, key| found | key.0.ct_eq(&hash)).into()
}

/// Every credential in the head, in the spellings that clients use.
fn credentials(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let authorization = headers.get_all(http::header::AUTHORIZATION).iter().map(|value| {
        let value = value.as_bytes();
        match value.get(..7) {
            Some(scheme) if scheme.eq_ignore_ascii_case(b"bearer ") => value.get(7..).unwrap_or_default(),
            _ => value,
        }
    });
    let others =
        ["x-api-key", "x-goog-api-key"].into_iter().flat_map(|name| headers.get_all(name)).map(HeaderValue::as_bytes);
    authorization.chain(others).map(<[u8]>::trim_ascii).filter(|credential| !credential.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn any_valid_spelling_admits_and_invalid_others_are_ignored() {
        let check = KeyCheck::new(Some(vec![KeyHash::of("secret")]), 5);
        let (peer, now) = (IpAddr::from([127, 0, 0, 1]), Instant::now());
        for fields in [
            &[("authorization", "Bearer secret")][..],
            &[("authorization", "bearer secret")],
            &[("authorization", "secret")],
            &[("x-api-key", "secret")],
            &[("x-goog-api-key", "secret")],
            &[("authorization", "Bearer wrong"), ("x-api-key", "secret")],
        ] {
            assert!(check.admit(&headers(fields), peer, now).is_ok(), "{fields:?}");
        }
        let refused = |fields: &[(&'static str, &'static str)]| check.admit(&headers(fields), peer, now).unwrap_err();
        assert_eq!(refused(&[]).code, "missing_api_key");
        assert_eq!(refused(&[("authorization", "Bearer ")]).code, "missing_api_key");
        assert_eq!(refused(&[("authorization", "Bearer Secret")]).code, "invalid_api_key");
    }

    #[test]
    fn wrong_keys_are_limited_per_peer_and_valid_ones_still_pass() {
        let check = KeyCheck::new(Some(vec![KeyHash::of("secret")]), 2);
        let (peer, now) = (IpAddr::from([127, 0, 0, 1]), Instant::now());
        let wrong = headers(&[("x-api-key", "nope")]);
        let status = |at| check.admit(&wrong, peer, at).unwrap_err().status.as_u16();
        assert_eq!([status(now), status(now), status(now)], [401, 401, 429]);
        assert!(check.admit(&headers(&[("x-api-key", "secret")]), peer, now).is_ok());
        assert_eq!(check.admit(&wrong, IpAddr::from([127, 0, 0, 2]), now).unwrap_err().status.as_u16(), 401);
        assert_eq!(status(now + WINDOW), 401);
    }
}
