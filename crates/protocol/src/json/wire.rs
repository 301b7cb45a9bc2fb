//! Reading wire objects once: known members typed, unknown ones kept in order as raw text.
//!
//! serde's `flatten`, `untagged` and internal tags buffer values and lose their text, so the `wire!` macro writes the map
//! visitor instead. Faults carry the path to the member (`messages[3].content`).

use super::Text;
use crate::{BadRequest, Str, ir::Raw};
use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, marker::PhantomData, ops::Deref};

/// Members that the wire struct does not know, and known ones that were null, in order.
pub type Rest<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// A struct of one wire object. Every member is optional; `name: Type = "key"` renames. `rest` keeps what is not listed.
///
/// A repeated known member is a fault. A null one counts as absent and is kept in `rest`.
#[macro_export]
macro_rules! wire {
    ($(#[$meta:meta])* $vis:vis struct $name:ident<$lt:lifetime> {
        $( $(#[$field_meta:meta])* $field:ident : $type:ty $(= $key:literal)? ),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        $vis struct $name<$lt> {
            $( $(#[$field_meta])* pub $field: Option<$type>, )*
            /// Unknown members and nulls.
            pub rest: $crate::json::Rest<$lt>,
        }

        impl<'de: $lt, $lt> serde::Deserialize<'de> for $name<$lt> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Object<$lt>(std::marker::PhantomData<&$lt ()>);
                impl<'de: $lt, $lt> serde::de::Visitor<'de> for Object<$lt> {
                    type Value = $name<$lt>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                        #[derive(Default)]
                        struct Seen { $( $field: bool, )* }
                        let mut seen = Seen::default();
                        let mut out = $name::default();
                        while let Some($crate::json::wire::Key(key)) = map.next_key()? {
                            $(
                                if key == $crate::wire!(@key $field $($key)?) {
                                    if std::mem::replace(&mut seen.$field, true) {
                                        return Err($crate::json::wire::repeated(&key));
                                    }
                                    out.$field = map.next_value().map_err(|e| $crate::json::wire::at_key(&key, &e))?;
                                    if out.$field.is_none() {
                                        out.rest.push((key, serde_json::value::RawValue::NULL));
                                    }
                                    continue;
                                }
                            )*
                            let raw: &$lt serde_json::value::RawValue =
                                map.next_value().map_err(|e| $crate::json::wire::at_key(&key, &e))?;
                            out.rest.push((key, raw));
                        }
                        Ok(out)
                    }
                }
                deserializer.deserialize_map(Object(std::marker::PhantomData))
            }
        }
    };
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
}

/// A member's name. Not part of the API; the macro needs it.
#[derive(Debug)]
pub struct Key<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl<'de> Visitor<'de> for Name {
            type Value = Cow<'de, str>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(key))
            }
            fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(key.to_owned()))
            }
        }
        deserializer.deserialize_str(Name).map(Key)
    }
}

/// A JSON array whose faults name the index.
#[derive(Debug)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = Vec<T>;
    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = List<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<List<T>, S::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element().map_err(|e| at_index(items.len(), &e))? {
                    items.push(item);
                }
                Ok(List(items))
            }
        }
        deserializer.deserialize_seq(Items(PhantomData))
    }
}

/// Marks a path segment in a fault's text, until [`fault`] takes it apart.
const STEP: char = '\u{1}';

#[doc(hidden)]
pub fn at_key<E: serde::de::Error>(key: &str, inner: &E) -> E {
    E::custom(format_args!("{STEP}{key}{}", tail(inner)))
}

fn at_index<E: serde::de::Error>(index: usize, inner: &E) -> E {
    E::custom(format_args!("{STEP}[{index}]{}", tail(inner)))
}

#[doc(hidden)]
pub fn repeated<E: serde::de::Error>(key: &str) -> E {
    E::custom(format_args!("{STEP}{key}{STEP}{STEP}given twice"))
}

/// The inner fault as text that starts with a step or, for the message itself, with two.
fn tail(inner: &impl fmt::Display) -> String {
    let text = inner.to_string();
    if text.starts_with(STEP) { text } else { format!("{STEP}{STEP}{text}") }
}

/// Turns serde_json's fault into one that names the member.
pub fn fault(error: &serde_json::Error) -> BadRequest {
    let text = error.to_string();
    let text = text.split_once(" at line ").map_or(text.as_str(), |(before, _)| before);
    let Some((steps, message)) = text.split_once("\u{1}\u{1}") else {
        return BadRequest::new(format!("invalid JSON: {}", cut(text)));
    };
    let mut path = String::new();
    for step in steps.split(STEP).filter(|step| !step.is_empty()) {
        if !step.starts_with('[') && !path.is_empty() {
            path.push('.');
        }
        path.push_str(step);
    }
    BadRequest::at(cut(&path), cut(message))
}

/// The beginning of a fault's text: serde repeats the client's value, however long.
fn cut(text: &str) -> &str {
    const LONGEST: usize = 200;
    text.char_indices().nth(LONGEST).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Reads a wire struct from `text`.
///
/// # Errors
/// With the path of the member at fault.
pub fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, BadRequest> {
    serde_json::from_str(text).map_err(|e| fault(&e))
}

/// `part` as text that shares the memory of `source`, when it lies in it; otherwise a copy.
pub fn own(source: &Str, part: &str) -> Str {
    let (start, end) = (source.as_ptr().addr(), source.as_ptr().addr() + source.len());
    let from = part.as_ptr().addr();
    if !part.is_empty() && from >= start && from + part.len() <= end { source.slice_ref(part) } else { Str::from(part) }
}

/// Raw JSON that shares the memory of `source`, when it lies in it.
pub fn own_raw(source: &Str, raw: &RawValue) -> Raw {
    Raw(own(source, raw.get()))
}

/// Text that shares the memory of `source` where it has no escapes.
pub fn own_text(source: &Str, text: &Text<'_>) -> Str {
    own(source, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::wire! {
        /// A thing.
        struct Thing<'a> {
            kind: Text<'a> = "type",
            size: u32,
            parts: List<Thing<'a>>,
        }
    }

    #[test]
    fn unknown_members_and_nulls_are_kept_in_order() {
        let thing: Thing<'_> = read(r#"{"x": 1.50,"type":"a","size":null,"y":{"b":1}}"#).unwrap();
        assert_eq!(thing.kind.as_deref(), Some("a"));
        let rest: Vec<_> = thing.rest.iter().map(|(k, v)| (&**k, v.get())).collect();
        assert_eq!(rest, [("x", "1.50"), ("size", "null"), ("y", r#"{"b":1}"#)]);
    }

    #[test]
    fn faults_name_the_member() {
        let fault = |text: &str| read::<Thing<'_>>(text).unwrap_err().to_string();
        assert_eq!(fault(r#"{"parts":[{},{"parts":[{"type":7}]}]}"#), "parts[1].parts[0].type: expected a string");
        assert_eq!(fault(r#"{"size":1,"size":2}"#), "size: given twice");
        assert!(fault(r#"{"size":"x"}"#).starts_with("size: invalid type: string"));
        assert!(fault(r#"{"size":1"#).starts_with("invalid JSON"));
        assert!(fault("[]").contains("an object"));
    }

    #[test]
    fn a_fault_repeats_only_the_beginning_of_a_long_value() {
        let long = "é".repeat(100_000);
        let told = read::<Thing<'_>>(&format!(r#"{{"size":"{long}"}}"#)).unwrap_err().to_string();
        assert!(told.starts_with("size: invalid type: string \"éé") && told.chars().count() == 206, "{}", told.len());
    }

    #[test]
    fn owned_text_shares_the_memory_of_its_source() {
        let source = Str::from_static("hello world");
        assert_eq!(own(&source, &source[6..]).as_ptr(), source[6..].as_ptr());
        assert_eq!(&*own(&source, "else"), "else");
    }
}
