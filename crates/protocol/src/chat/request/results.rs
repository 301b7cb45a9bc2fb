//! What tools gave back, moved to where Chat wants it: behind the message that called, text only.

use super::{
    encode::Encoder,
    history::{Piece, Place, place},
};
use crate::{
    CannotEncode,
    ir::{Form, PartKind, Role, ToolResult, Turn},
};
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

/// The tool results between a run of assistant messages and the next one. Kept while the run is written, so that a long run
/// does not look through the same results again and again.
#[derive(Debug, Default)]
pub(super) struct Window<'r> {
    /// The first turn behind the run.
    start: usize,
    by_call: HashMap<&'r str, Vec<Place>>,
}

impl<'r> Window<'r> {
    /// Makes it the window behind the assistant message `index`.
    fn look_behind(&mut self, turns: &'r [Turn], index: usize) {
        if self.start > index {
            return;
        }
        let model = |turn: &Turn| turn.role == Role::Assistant;
        let behind = turns.iter().enumerate().skip(index + 1).skip_while(|(_, turn)| model(turn));
        self.by_call.clear();
        self.start = turns.len();
        for (at, turn) in behind.take_while(|(_, turn)| !model(turn)) {
            self.start = self.start.min(at);
            for (part, result) in results_of(turn) {
                self.by_call.entry(&result.call_id).or_default().push((at, part));
            }
        }
    }
}

fn result_at(turns: &[Turn], (turn, part): Place) -> Option<&ToolResult> {
    match &turns.get(turn)?.parts.get(part)?.kind {
        PartKind::ToolResult(result) => Some(result),
        _ => None,
    }
}

impl<'r> Encoder<'r> {
    /// Writes the answers to the calls of `turn`, in the order of the calls, wherever they stand before the next answer
    /// of the model.
    pub(super) fn results(
        &mut self,
        turn: &Turn,
        index: usize,
        answered: &mut HashSet<Place>,
    ) -> Result<(), CannotEncode> {
        if !turn.parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall(_))) {
            return Ok(());
        }
        let request = self.request;
        self.window.look_behind(&request.turns, index);
        let mut moved: Vec<Piece<'r>> = Vec::new();
        for (at, part) in turn.parts.iter().enumerate() {
            let PartKind::ToolCall(call) = &part.kind else { continue };
            // Taken out: a second call of the same id has no result left.
            let mut found = self.window.by_call.remove(&*call.id).unwrap_or_default().into_iter();
            let id = self.id(&call.id);
            let next = found.next().and_then(|place| Some((place, result_at(&request.turns, place)?)));
            let Some((found_at, result)) = next else {
                self.losses.approximated(place(turn, index, at), "a call without a result");
                self.w.begin().key("role").text("tool").key("tool_call_id").text(&id);
                self.w.key("content").text("(no result)").end();
                continue;
            };
            let further: Vec<Place> = found.collect();
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
