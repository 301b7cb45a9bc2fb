//! The model behind an agent's tool loop: it calls one tool, then reports what came back.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::ask::{Ask, Operation};
use crate::reply::Reply;
use crate::side;
use crate::wire::Received;

/// What the Bash call of [`claude_code_bash`] prints.
pub const MARKER: &str = "router-maestro-was-here";

/// How the closing text of an agent script begins; the tool's result follows.
pub const REPORT: &str = "The tool answered:";

/// Drives Claude Code (or any client that offers a tool `Bash`) through one round trip: `echo` of [`MARKER`], then a
/// text with the result. Both protocols. Requests without that tool (titles, probes) get a short text.
pub fn claude_code_bash() -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    let arguments = json!({"command": format!("echo {MARKER}"), "description": "Print a marker"});
    calls("Bash", arguments)
}

/// Calls the tool `name` with `arguments` when it is offered and has not answered yet.
pub fn calls(name: &'static str, arguments: Value) -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    move |request| {
        if Operation::of(request).protocol().is_none() {
            return side::answer(request, &["agent", "claude-scripted"]);
        }
        match Ask::read(request) {
            Ok(ask) => ask.reply(&step(&ask, name, &arguments)),
            Err(refusal) => *refusal,
        }
    }
}

fn step(ask: &Ask, name: &str, arguments: &Value) -> Answer {
    let results = ask.tool_results();
    if !results.is_empty() {
        return Answer::words(&format!("{REPORT} {}", results.join("\n")));
    }
    if ask.tools.iter().any(|tool| tool.name == name) {
        return Answer::words("Calling the tool.").and_tool(name, arguments).turn(ask.messages().len());
    }
    Answer::text("Scripted")
}
