//! What an upstream says about trying again.
//!
//! Read in the order the vendors' SDKs read it: `x-should-retry`, `retry-after-ms`, `retry-after` (seconds or an HTTP
//! date), then, for 429 only, when an exhausted limit resets. A value that makes no sense counts as absent; a huge one is
//! capped, so that no upstream can block a deployment for good.

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use std::time::{Duration, SystemTime};

/// No wait is longer than this, whatever an upstream says.
pub const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// Advice read from an error's headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// `x-should-retry`, when it says `true` or `false`.
    pub should_retry: Option<bool>,
    /// How long to wait before another try.
    pub after: Option<Duration>,
}

/// Reads the advice of an error answer received at `now`.
pub fn advice(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Advice {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let should_retry = match text("x-should-retry") {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => None,
    };
    let after = text("retry-after-ms")
        .and_then(|value| number(value, 0.001))
        .or_else(|| text("retry-after").and_then(|value| number(value, 1.0).or_else(|| http_date(value, now))))
        .or_else(|| (status == StatusCode::TOO_MANY_REQUESTS).then(|| reset(headers, now)).flatten());
    Advice { should_retry, after: after.map(|wait| wait.min(LONGEST_WAIT)) }
}

/// A plain, non-negative decimal number of units of `unit` seconds.
fn number(text: &str, unit: f64) -> Option<Duration> {
    if text.is_empty() || text.len() > 32 || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let seconds = text.parse::<f64>().ok()? * unit;
    Duration::try_from_secs_f64(seconds.min(LONGEST_WAIT.as_secs_f64())).ok()
}

/// The time until an HTTP date; a date in the past means now.
fn http_date(text: &str, now: SystemTime) -> Option<Duration> {
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// The longest reset time among the limits that are used up.
fn reset(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    const LIMITS: [(&str, &str); 6] = [
        ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
        ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
        ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
        ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
        ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
        ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ];
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    LIMITS
        .into_iter()
        .filter(|(remaining, _)| text(remaining) == Some("0"))
        .filter_map(|(_, reset)| text(reset).and_then(|value| go_duration(value).or_else(|| rfc3339(value, now))))
        .max()
}

/// `1s`, `6m0s`, `120ms`, `1h2m3.5s`.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest.is_empty() || rest.len() > 32 {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let (value, tail) = rest.split_at(digits);
        let unit_len = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(unit_len);
        let seconds = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        total = total.saturating_add(number(value, seconds)?);
        rest = tail;
    }
    Some(total)
}

fn rfc3339(text: &str, now: SystemTime) -> Option<Duration> {
    let at = SystemTime::from(text.parse::<Timestamp>().ok()?);
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    const NOW: u64 = 1_800_000_000;

    /// Headers, and the wait they ask for.
    type Row<'a> = (&'a [(&'a str, &'a str)], Option<Duration>);

    fn read(status: u16, pairs: &[(&str, &str)]) -> Advice {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("")),
            );
        }
        advice(StatusCode::from_u16(status).unwrap(), &headers, SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
    }

    #[test]
    fn waits_are_read_in_the_order_the_sdks_read_them() {
        let ms = Duration::from_millis;
        let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW + 90));
        let past = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW - 90));
        let table: &[Row<'_>] = &[
            (&[], None),
            (&[("retry-after", "20")], Some(ms(20_000))),
            (&[("retry-after", " 1.5 ")], Some(ms(1_500))),
            (&[("retry-after", "0")], Some(ms(0))),
            (&[("retry-after-ms", "250"), ("retry-after", "20")], Some(ms(250))),
            (&[("retry-after-ms", "soon"), ("retry-after", "20")], Some(ms(20_000))),
            (&[("retry-after", &date)], Some(ms(90_000))),
            (&[("retry-after", &past)], Some(ms(0))),
            (&[("retry-after", "99999999999999999999999999")], Some(LONGEST_WAIT)),
            (&[("retry-after", "-5")], None),
            (&[("retry-after", "1e9")], None),
            (&[("retry-after", "NaN")], None),
            (&[("retry-after", "inf")], None),
            (&[("retry-after", "")], None),
            (&[("retry-after", "tomorrow")], None),
            (&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "6m0s")], Some(ms(360_000))),
            (&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "120ms")], Some(ms(120))),
            (&[("x-ratelimit-remaining-requests", "3"), ("x-ratelimit-reset-requests", "120ms")], None),
            (
                &[
                    ("anthropic-ratelimit-tokens-remaining", "0"),
                    ("anthropic-ratelimit-tokens-reset", "2027-01-15T08:00:30Z"),
                ],
                Some(ms(30_000)),
            ),
        ];
        for (pairs, expected) in table {
            assert_eq!(read(429, pairs).after, *expected, "{pairs:?}");
        }
    }

    #[test]
    fn reset_times_count_only_for_a_429() {
        let pairs = [("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "6m0s")];
        assert_eq!(read(503, &pairs).after, None);
    }

    #[test]
    fn should_retry_is_read_only_when_it_is_a_plain_word() {
        assert_eq!(read(500, &[("x-should-retry", "true")]).should_retry, Some(true));
        assert_eq!(read(500, &[("x-should-retry", "false")]).should_retry, Some(false));
        assert_eq!(read(500, &[("x-should-retry", "maybe")]).should_retry, None);
    }

    proptest! {
        #[test]
        fn no_header_value_panics_or_blocks_for_long(value in "[ -~]{0,40}", name in prop::sample::select(vec![
            "retry-after", "retry-after-ms", "x-ratelimit-reset-tokens", "anthropic-ratelimit-tokens-reset",
        ])) {
            let advice = read(429, &[
                ("x-ratelimit-remaining-tokens", "0"), ("anthropic-ratelimit-tokens-remaining", "0"), (name, &value),
            ]);
            prop_assert!(advice.after.unwrap_or_default() <= LONGEST_WAIT);
        }
    }
}
