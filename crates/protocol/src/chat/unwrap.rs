//! Takes the free text of a custom tool out of the arguments `{"input":"…"}` of the function that stands for it, while
//! they arrive in pieces.

/// Longest beginning, white space included, that is waited for: it is read anew with every piece.
const LONGEST_OPENING: usize = 1024;

/// The reader of one call's arguments.
#[derive(Debug, Default)]
pub(super) struct Unwrap {
    state: State,
    /// What came before the text began.
    before: String,
    /// A high surrogate that waits for its second half.
    high: Option<u16>,
}

#[derive(Debug, Default)]
enum State {
    /// In front of the text.
    #[default]
    Before,
    /// In the text.
    Inside,
    /// Behind a backslash.
    Escape,
    /// In the digits of a `\u` escape: value so far and how many are missing.
    Unicode(u16, u8),
    /// Behind the closing quote.
    After,
    /// The arguments have another shape: they are passed on as they are.
    Plain,
}

impl Unwrap {
    /// Takes the next piece and appends the text that it brings to `out`.
    pub(super) fn push(&mut self, piece: &str, out: &mut String) {
        match self.state {
            State::Before => {
                self.before.push_str(piece);
                match opening(&self.before) {
                    Opening::Partial if self.before.len() <= LONGEST_OPENING => {}
                    Opening::Empty => self.state = State::After,
                    Opening::Other | Opening::Partial => {
                        out.push_str(&self.before);
                        self.state = State::Plain;
                    }
                    Opening::Whole(end) => {
                        self.state = State::Inside;
                        let rest = self.before.split_off(end);
                        self.text(&rest, out);
                    }
                }
            }
            State::Plain => out.push_str(piece),
            _ => self.text(piece, out),
        }
    }

    /// The arguments are complete.
    pub(super) fn finish(&mut self, out: &mut String) {
        self.flush_high(out);
        if matches!(self.state, State::Before) {
            out.push_str(&self.before);
        }
        self.state = State::After;
    }

    fn text(&mut self, piece: &str, out: &mut String) {
        let mut rest = piece;
        while let Some(next) = rest.chars().next() {
            match self.state {
                State::Inside => {
                    let run = rest.find(['"', '\\']).unwrap_or(rest.len());
                    if run > 0 {
                        self.flush_high(out);
                        out.push_str(rest.get(..run).unwrap_or_default());
                    }
                    let stop = rest.as_bytes().get(run);
                    match stop {
                        Some(b'\\') => self.state = State::Escape,
                        Some(_) => {
                            self.flush_high(out);
                            self.state = State::After;
                        }
                        None => {}
                    }
                    rest = rest.get(run + usize::from(stop.is_some())..).unwrap_or_default();
                    continue;
                }
                State::Escape => self.escape(next, out),
                State::Unicode(value, missing) => {
                    let value = value << 4 | next.to_digit(16).unwrap_or(0) as u16;
                    if missing > 1 {
                        self.state = State::Unicode(value, missing - 1);
                    } else {
                        self.state = State::Inside;
                        self.unit(value, out);
                    }
                }
                State::Before | State::After | State::Plain => return,
            }
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
        }
    }

    fn escape(&mut self, next: char, out: &mut String) {
        if next == 'u' {
            self.state = State::Unicode(0, 4);
            return;
        }
        self.flush_high(out);
        self.state = State::Inside;
        out.push(match next {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            other => other,
        });
    }

    /// A UTF-16 unit of an escape.
    fn unit(&mut self, unit: u16, out: &mut String) {
        if let Some(high) = self.high.take() {
            if let Some(Ok(pair)) = char::decode_utf16([high, unit]).next() {
                out.push(pair);
                return;
            }
            out.push(char::REPLACEMENT_CHARACTER);
        }
        if (0xD800..0xDC00).contains(&unit) {
            self.high = Some(unit);
        } else {
            out.push(char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
    }

    fn flush_high(&mut self, out: &mut String) {
        if self.high.take().is_some() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

/// The text of whole arguments.
pub(super) fn whole(arguments: &str) -> String {
    let (mut unwrap, mut out) = (Unwrap::default(), String::new());
    unwrap.push(arguments, &mut out);
    unwrap.finish(&mut out);
    out
}

enum Opening {
    /// May still become one.
    Partial,
    /// Ends at this offset.
    Whole(usize),
    /// An object without members: no text.
    Empty,
    /// Something else.
    Other,
}

/// Whether `text` begins with `{"input":"`, white space allowed.
fn opening(text: &str) -> Opening {
    let mut rest = text.trim_ascii_start();
    for token in ["{", "\"input\"", ":", "\""] {
        match rest.strip_prefix(token) {
            Some(after) => rest = if token == "\"" { after } else { after.trim_ascii_start() },
            None if token.starts_with(rest) => return Opening::Partial,
            None if rest.starts_with('}') => return Opening::Empty,
            None => return Opening::Other,
        }
    }
    Opening::Whole(text.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arguments_of_another_shape_are_passed_on_as_they_are() {
        assert_eq!(whole(r#"{"query":"x"}"#), r#"{"query":"x"}"#);
        assert_eq!(whole("select 1"), "select 1");
        assert_eq!(whole("{}"), "");
        assert_eq!(whole(r#" { "input" : "a\"b\ud83d\ude00\ud83d" }"#), "a\"b😀\u{fffd}");
    }

    proptest! {
        #[test]
        fn the_text_comes_out_whatever_the_pieces_are(text: String, cuts in proptest::collection::vec(0usize..60, 0..5)) {
            let json = format!(r#"{{ "input": {}}}"#, serde_json::to_string(&text).unwrap());
            let (mut unwrap, mut out, mut at) = (Unwrap::default(), String::new(), 0);
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| json.is_char_boundary(*cut)).collect();
            cuts.sort_unstable();
            cuts.push(json.len());
            for cut in cuts {
                unwrap.push(&json[at..cut], &mut out);
                at = cut;
            }
            unwrap.finish(&mut out);
            prop_assert_eq!(out, text);
        }
    }
}
