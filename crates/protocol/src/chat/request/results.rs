//! What tools gave back, moved to where Chat wants it: behind the message that called, text only.

use super::{
    encode::Encoder,
    history::{Piece, Place, place},
};
use crate::{
    CannotEncode,
    ir::{Form, PartKind, Role, ToolResult, Turn},
};
use std::{borrow::Cow, collections::HashSet};

impl<'r> Encoder<'r> {
    /// Writes the answers to the calls of `turn`, in the order of the calls, wherever they stand before the next answer
    /// of the model.
    pub(super) fn results(
        &mut self,
        turn: &Turn,
        index: usize,
        answered: &mut HashSet<Place>,
    ) -> Result<(), CannotEncode> {
        let request = self.request;
        let model = |(_, turn): &(usize, &Turn)| turn.role == Role::Assistant;
        let behind = request.turns.iter().enumerate().skip(index + 1).skip_while(model);
        let behind: Vec<(usize, &Turn)> = behind.take_while(|later| !model(later)).collect();
        let results =
            || behind.iter().flat_map(|(index, turn)| results_of(turn).map(move |(at, found)| ((*index, at), found)));
        let mut moved: Vec<Piece<'r>> = Vec::new();
        for (at, part) in turn.parts.iter().enumerate() {
            let PartKind::ToolCall(call) = &part.kind else { continue };
            let mut found = results().filter(|(place, result)| result.call_id == call.id && !answered.contains(place));
            let id = self.id(&call.id);
            let Some((found_at, result)) = found.next() else {
                self.losses.approximated(place(turn, index, at), "a call without a result");
                self.w.begin().key("role").text("tool").key("tool_call_id").text(&id);
                self.w.key("content").text("(no result)").end();
                continue;
            };
            let further: Vec<Place> = found.map(|(place, _)| place).collect();
            let path = format!("messages[{}].content[{}]", found_at.0, found_at.1);
            if let Some(part) = request.turns.get(found_at.0).and_then(|turn| turn.parts.get(found_at.1)) {
                self.note_part(part, &path);
            }
            let text = self.result_text(result, &path, &mut moved)?;
            self.w.begin().key("role").text("tool").key("tool_call_id").text(&id);
            self.w.key("content").text(&text).end();
            answered.insert(found_at);
            for place in further {
                self.losses
                    .dropped(format!("messages[{}].content[{}]", place.0, place.1), "a second result of one call");
                answered.insert(place);
            }
        }
        self.user_message(&moved);
        Ok(())
    }

    /// The text of a result; pictures and files are added to `moved`.
    pub(super) fn result_text(
        &mut self,
        result: &'r ToolResult,
        path: &str,
        moved: &mut Vec<Piece<'r>>,
    ) -> Result<String, CannotEncode> {
        let mut texts: Vec<Cow<'r, str>> = Vec::new();
        let first = moved.len();
        for (at, part) in result.content.iter().enumerate() {
            let path =
                if result.form == Form::Text { format!("{path}.content") } else { format!("{path}.content[{at}]") };
            match self.piece(part, &path)? {
                Some(Piece::Text(text)) => texts.push(text),
                Some(Piece::Part(part)) => {
                    let picture = matches!(part.kind, PartKind::Image { .. });
                    texts.push(Cow::Borrowed(if picture { "[image]" } else { "[file]" }));
                    moved.push(Piece::Part(part));
                    self.losses.approximated(path, "moved into a user message behind the results");
                }
                None => {}
            }
        }
        if moved.len() > first {
            let note = format!("From the result of tool call {}:", self.id(&result.call_id));
            moved.insert(first, Piece::Text(Cow::Owned(note)));
        }
        let text = texts.join("\n");
        if result.is_error == Some(true) {
            self.losses.approximated(format!("{path}.is_error"), "as text before the result");
            return Ok(format!("Error: {text}"));
        }
        Ok(text)
    }
}

fn results_of(turn: &Turn) -> impl Iterator<Item = (usize, &ToolResult)> {
    turn.parts.iter().enumerate().filter_map(|(at, part)| match &part.kind {
        PartKind::ToolResult(result) => Some((at, result)),
        _ => None,
    })
}
