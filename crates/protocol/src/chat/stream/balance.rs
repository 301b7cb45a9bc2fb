//! Whether arguments that come in pieces broke off.

/// Follows one call's arguments. Only strings and brackets are watched: that finds what was cut, and leaves alone what an
/// upstream spells oddly.
#[derive(Debug, Default)]
pub(super) struct Balance {
    open: usize,
    string: bool,
    escaped: bool,
}

impl Balance {
    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &str) {
        for byte in piece.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = self.string,
                b'"' => self.string = !self.string,
                b'{' | b'[' if !self.string => self.open += 1,
                b'}' | b']' if !self.string => self.open = self.open.saturating_sub(1),
                _ => {}
            }
        }
    }

    /// Whether nothing is open. So it is before the first piece.
    pub(super) fn even(&self) -> bool {
        self.open == 0 && !self.string
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_even_at_its_end_and_nowhere_inside() {
        let json = r#"{"a\"}\\":["}",{"b":1}],"c":"é"}"#;
        let ends: Vec<usize> = (1..=json.len())
            .filter(|end| {
                let mut balance = Balance::default();
                balance.push(json.get(..*end).unwrap_or("{"));
                balance.even()
            })
            .collect();
        assert_eq!(ends, [json.len()]);
        assert!(Balance::default().even());
    }
}
