//! Durations and sizes as people write them: `6s`, `500ms`, `60min`, `1h30m` or seconds; `32MiB`, `64KB` or bytes.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serializer, de::Error};
use std::{borrow::Cow, time::Duration};

/// Longer durations are a slip.
const LONGEST: Duration = Duration::from_hours(24 * 3650);

/// Reads `6s`, `500ms`, `60min`, `1.5h`, `1h30m`, `2d`; a bare number is seconds.
///
/// # Errors
/// A fragment that says what is accepted.
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    const EXPECTED: &str = "is no duration such as `6s`, `500ms`, `60min` or a number of seconds";
    const TOO_LONG: &str = "is longer than ten years";
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(EXPECTED);
    }
    while !rest.is_empty() {
        let (number, unit, tail) = split_number(rest);
        let seconds = match unit {
            "" | "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "ms" => 0.001,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hour" | "hours" => 3_600.0,
            "d" | "day" | "days" => 86_400.0,
            _ => return Err(EXPECTED),
        };
        let value: f64 = number.parse().map_err(|_| EXPECTED)?;
        // Rounded to microseconds, so that a decimal fraction reads back as it was written.
        let micros = (value * seconds * 1e6).round();
        if micros > LONGEST.as_micros() as f64 {
            return Err(TOO_LONG);
        }
        total = total.saturating_add(Duration::from_micros(micros as u64));
        rest = tail.trim_start();
    }
    if total > LONGEST { Err(TOO_LONG) } else { Ok(total) }
}

/// Reads `32MiB`, `64KB`, `5B`; a bare number is bytes. `K`, `M` and `G` alone are binary.
///
/// # Errors
/// A fragment that says what is accepted.
pub fn parse_size(text: &str) -> Result<u64, &'static str> {
    const EXPECTED: &str = "is no size such as `32MiB`, `64KB` or a number of bytes";
    let (number, unit, tail) = split_number(text.trim());
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(EXPECTED),
    };
    if !tail.is_empty() {
        return Err(EXPECTED);
    }
    let value: u64 = number.parse().map_err(|_| EXPECTED)?;
    value.checked_mul(factor).filter(|bytes| *bytes <= 1 << 50).ok_or("is larger than 1024 TiB")
}

/// The shortest spelling that [`parse_duration`] reads back.
pub fn format_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "0s".to_owned(),
        _ if !millis.is_multiple_of(1_000) => format!("{millis}ms"),
        _ if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
        _ if millis.is_multiple_of(60_000) => format!("{}min", millis / 60_000),
        _ => format!("{}s", millis / 1_000),
    }
}

/// The shortest spelling that [`parse_size`] reads back.
pub fn format_size(bytes: u64) -> String {
    [(30, "GiB"), (20, "MiB"), (10, "KiB")]
        .into_iter()
        .find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift)
        .map_or_else(|| bytes.to_string(), |(shift, unit)| format!("{}{unit}", bytes >> shift))
}

/// A number, the letters after it, and what follows.
fn split_number(text: &str) -> (&str, &str, &str) {
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, rest) = text.split_at(digits);
    let rest = rest.trim_start();
    let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (unit, tail) = rest.split_at(letters);
    (number, unit, tail)
}

/// `#[serde(with)]` for durations.
pub(crate) mod duration {
    use super::{Deserialize, Deserializer, Duration, Error, Serializer, Written, format_duration, parse_duration};

    pub(crate) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_duration(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        parse_duration(&Written::deserialize(deserializer)?.0).map_err(D::Error::custom)
    }
}

/// `#[serde(with)]` for durations that may be absent.
pub(crate) mod optional_duration {
    use super::{Deserialize, Deserializer, Duration, Error, Written, parse_duration};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let written = Option::<Written>::deserialize(deserializer)?;
        written.map(|text| parse_duration(&text.0).map_err(D::Error::custom)).transpose()
    }
}

/// `#[serde(with)]` for sizes in bytes.
pub(crate) mod size {
    use super::{Deserialize, Deserializer, Error, Serializer, Written, format_size, parse_size};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_size(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        parse_size(&Written::deserialize(deserializer)?.0).map_err(D::Error::custom)
    }
}

/// Text, or a number as its digits.
struct Written(String);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self(text)),
            serde_json::Value::Number(number) => Ok(Self(number.to_string())),
            _ => Err(D::Error::custom("expected text or a number")),
        }
    }
}

macro_rules! schema_of {
    ($(#[$doc:meta])* $type:ident, $name:literal, $schema:tt) => {
        $(#[$doc])*
        pub(crate) struct $type;

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

schema_of!(
    /// A duration that may be zero.
    HumanDuration, "Duration", { "type": ["string", "number"], "format": "duration", "minimum": 0 }
);
schema_of!(
    /// A duration above zero.
    PositiveDuration, "PositiveDuration", { "type": ["string", "number"], "format": "positive-duration", "minimum": 0 }
);
schema_of!(
    /// A size in bytes above zero.
    ByteSize, "ByteSize", { "type": ["string", "integer"], "format": "byte-size", "minimum": 1 }
);
schema_of!(
    /// An address to listen on.
    ListenHost, "ListenHost", { "type": "string", "format": "listen-host", "minLength": 1 }
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_and_sizes_are_read_as_people_write_them() {
        for (text, millis) in [
            ("6s", 6_000),
            ("500ms", 500),
            ("60min", 3_600_000),
            ("1h", 3_600_000),
            ("1h30m", 5_400_000),
            ("1.5s", 1_500),
            ("10", 10_000),
            ("0", 0),
            (" 2 min ", 120_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for (text, bytes) in [("32MiB", 32 << 20), ("64KB", 64_000), ("7", 7), ("1 KiB", 1_024), ("2g", 2 << 30)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "s", "-1s", "6x", "1e9s", "NaN", "inf", "99999999999999d", "6s!", "..s", "1,5s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5MiB", "3XB", "99999999999999999999", "9999999TiB", "1MiB2"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_duration_and_size_reads_back(millis in 0_u64..100_000_000_000, bytes in 0_u64..(1 << 50)) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
            prop_assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = (parse_duration(&text), parse_size(&text));
        }
    }
}
