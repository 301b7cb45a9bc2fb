//! What a start prints: where the server listens, its key, what it found, and how to try it.
//!
//! A key is shown only when it was made in this very start and the output is a terminal. Every command shown works when it
//! is pasted into a shell as it stands.

use super::{Prepared, demo};
use crate::{
    args::Start,
    contexts::KEY_VARIABLE,
    show::{columns, shell, shown},
    state::reachable,
    surroundings::Surroundings,
};
use rm_config::{KeyOrigin, Origin, ProviderSettings, ServerKey, Settings};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::{
    io::{self, IsTerminal},
    net::SocketAddr,
    path::Path,
};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

/// What the text is made of.
pub(super) struct Banner<'a> {
    settings: &'a Settings,
    key: Option<&'a ServerKey>,
    demo: bool,
    /// `http://host:port` as this machine reaches it.
    endpoint: String,
    /// Where else it can be reached.
    beyond: &'static str,
    /// The command that the user would type to run this program with the same files.
    command: String,
    contexts_file: String,
    config_dir: String,
    /// Who reads the output.
    reader: Reader,
    /// The variable with the key is set in the shell, not in a `.env` file.
    key_in_shell: bool,
}

/// Who reads the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Person,
    Log,
}

impl<'a> Banner<'a> {
    /// For a server that listens at `address`.
    pub(super) fn new(address: SocketAddr, prepared: &'a Prepared, around: &Surroundings, start: &Start) -> Self {
        Self {
            settings: &prepared.settings,
            key: prepared.key.as_ref(),
            demo: start.options.demo,
            endpoint: format!("http://{}", reachable(address)),
            beyond: if address.ip().is_unspecified() { " and on every other address of this machine" } else { "" },
            command: command(around),
            contexts_file: around.contexts_file().display().to_string(),
            config_dir: around.paths.config_dir.display().to_string(),
            reader: if io::stdout().is_terminal() { Reader::Person } else { Reader::Log },
            key_in_shell: std::env::var_os(KEY_VARIABLE).is_some(),
        }
    }

    /// The whole text, without a line end.
    pub(super) fn text(&self) -> String {
        let mut parts = vec![
            format!("Router-Maestro {} listens on {}{}", env!("CARGO_PKG_VERSION"), self.endpoint, self.beyond),
            format!("Key: {}", self.key_line()),
            self.providers(),
        ];
        if self.settings.providers.is_empty() {
            parts.push(self.next_steps());
        } else {
            parts.push(self.tries());
        }
        parts.join("\n\n")
    }

    fn key_line(&self) -> String {
        let Some(ServerKey { key, origin }) = self.key else {
            return "none is needed, because auth.required is false".to_owned();
        };
        let Self { contexts_file, command, .. } = self;
        match (origin, self.reader) {
            (KeyOrigin::Generated, Reader::Person) => {
                format!("{} (made in this start, kept in {contexts_file})", key.expose_secret())
            }
            (KeyOrigin::Generated, Reader::Log) => {
                format!("made in this start, kept in {contexts_file}; `{command} server show-key` prints it")
            }
            (KeyOrigin::Contexts, _) => format!("as in {contexts_file}; `{command} server show-key` prints it"),
            (KeyOrigin::Env, _) => format!("as in ${KEY_VARIABLE}"),
            (KeyOrigin::Flag, _) => {
                format!("as given with --api-key, where other users can see it; ${KEY_VARIABLE} is safer")
            }
        }
    }

    fn providers(&self) -> String {
        if self.settings.providers.is_empty() {
            return "No provider is configured yet.".to_owned();
        }
        let rows: Vec<_> = self.settings.providers.iter().map(row).collect();
        let table = columns(None, &rows);
        let lines: Vec<_> = table.lines().map(|line| format!("  {line}")).collect();
        let note = if self.demo { demo_note() } else { String::new() };
        format!("Providers:\n{}{note}", lines.join("\n"))
    }

    fn next_steps(&self) -> String {
        let Self { command, config_dir, .. } = self;
        let file = Path::new(config_dir).join("providers.json");
        format!(
            "\
Next, one of these:
  - set a vendor's variable, such as OPENAI_API_KEY, ANTHROPIC_API_KEY or OPENROUTER_API_KEY, and start again
  - describe a provider in {} (`{command} config init` writes one to begin with);
    changes are taken over within seconds
  - try everything without any key: {command} server start --demo",
            file.display()
        )
    }

    /// Commands to try, one under the other.
    fn tries(&self) -> String {
        let says = |text: &str| json!([{ "role": "user", "content": text }]);
        if self.demo {
            return self.demo_tries(&says("Hello!"));
        }
        match self.any_model() {
            Some(model) => {
                let body = json!({ "model": model, "messages": says("Hello!") });
                format!("Try it:\n\n{}", self.post("a text", "", CHAT, &body))
            }
            None => format!("Try it:\n\n# the models\n{}", self.curl("", "/v1/models")),
        }
    }

    fn demo_tries(&self, messages: &Value) -> String {
        let text = json!({ "model": "demo/hello", "messages": messages });
        let stream = json!({ "model": "demo-chat/slow", "max_tokens": 200, "stream": true, "messages": messages });
        let mut tries = vec![
            self.post("a text", "", CHAT, &text),
            self.post(
                "a stream: a Messages client at an upstream that speaks Chat Completions only",
                "-N ",
                MESSAGES,
                &stream,
            ),
        ];
        if self.settings.priorities.first().is_some_and(|first| first == demo::PRIORITIES[0]) {
            let body = json!({ "model": "router-maestro", "messages": messages });
            let what = "failover: the first model of the list fails every other time; x-router-attempts counts";
            tries.push(self.post(what, "-i ", CHAT, &body));
        }
        format!("Try it:\n\n{}", tries.join("\n\n"))
    }

    /// A model that is known without asking anybody.
    fn any_model(&self) -> Option<String> {
        if !self.settings.priorities.is_empty() {
            return Some("router-maestro".to_owned());
        }
        let provider = self.settings.providers.iter().find(|provider| !provider.models.is_empty())?;
        Some(format!("{}/{}", provider.id, provider.models.first()?.id))
    }

    fn post(&self, what: &str, options: &str, path: &str, body: &Value) -> String {
        let body = shell(&shown(&body.to_string())).into_owned();
        format!("# {what}\n{} \\\n  -H 'content-type: application/json' \\\n  -d {body}", self.curl(options, path))
    }

    fn curl(&self, options: &str, path: &str) -> String {
        let url = format!("curl -s {options}{}{path}", self.endpoint);
        match self.key_in_a_shell() {
            Some(key) => format!("{url} \\\n  -H \"Authorization: Bearer {key}\""),
            None => url,
        }
    }

    /// The key as a shell finds it between double quotes.
    fn key_in_a_shell(&self) -> Option<String> {
        let ServerKey { key, origin } = self.key?;
        Some(match origin {
            KeyOrigin::Generated if self.reader == Reader::Person => key.expose_secret().to_owned(),
            KeyOrigin::Generated | KeyOrigin::Contexts => format!("$({} server show-key)", self.command),
            KeyOrigin::Env if !self.key_in_shell => format!("$({} server show-key)", self.command),
            KeyOrigin::Env | KeyOrigin::Flag => format!("${KEY_VARIABLE}"),
        })
    }
}

/// What the demo is, and its models.
fn demo_note() -> String {
    let rows: Vec<_> =
        demo::models().into_iter().map(|(id, about)| vec![format!("demo/{id}"), about.to_owned()]).collect();
    let table = columns(None, &rows);
    let lines: Vec<_> = table.lines().map(|line| format!("  {line}")).collect();
    format!(
        "\n\nThis is a demo: its answers come from a script, no real model is behind them. Its models:\n{}",
        lines.join("\n")
    )
}

fn row(provider: &ProviderSettings) -> Vec<String> {
    let protocols: Vec<_> = provider.protocols.iter().map(|protocol| protocol.name()).collect();
    let models = match provider.models.len() {
        0 => "asks for its models".to_owned(),
        1 => "1 model".to_owned(),
        count => format!("{count} models"),
    };
    let origin = match &provider.origin {
        // Nothing but the demo comes from a flag.
        Origin::Flag => "--demo".to_owned(),
        origin => origin.to_string(),
    };
    vec![provider.id.to_string(), provider.display_name.clone(), protocols.join(", "), models, origin]
}

/// How to run this program again: by its name when the shell would find it, else by its path.
fn command(around: &Surroundings) -> String {
    let Ok(exe) = std::env::current_exe() else { return "router-maestro".to_owned() };
    let name = exe.file_name().unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|candidate| candidate.is_file());
    let same = found.and_then(|found| found.canonicalize().ok()) == exe.canonicalize().ok();
    let program = if same { name.to_string_lossy() } else { exe.to_string_lossy() };
    let told = around.told().iter().map(|(flag, place)| format!("{flag} {}", shell(&place.to_string_lossy())));
    std::iter::once(shell(&program).into_owned()).chain(told).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rm_config::{Env, Paths, Sources};

    fn text(origin: KeyOrigin, reader: Reader) -> String {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths { config_dir: dir.path().to_owned(), data_dir: dir.path().to_owned() };
        let sources =
            Sources { addition: Some(demo::addition("http://127.0.0.1:1/v1")), ..Sources::new(paths, Env::default()) };
        let (settings, _) = rm_config::load(&sources).unwrap();
        let key = ServerKey { key: "sk-rm-planted".into(), origin };
        let banner = Banner {
            settings: &settings,
            key: Some(&key),
            demo: true,
            endpoint: "http://127.0.0.1:8080".into(),
            beyond: "",
            command: "router-maestro".into(),
            contexts_file: "contexts.json".into(),
            config_dir: String::new(),
            reader,
            key_in_shell: true,
        };
        banner.text()
    }

    #[test]
    fn a_key_is_shown_only_when_it_was_made_in_this_start_and_a_person_reads() {
        use KeyOrigin::{Contexts, Env, Flag, Generated};
        for (origin, reader, is_shown, in_commands) in [
            (Generated, Reader::Person, true, "Bearer sk-rm-planted\""),
            (Generated, Reader::Log, false, "Bearer $(router-maestro server show-key)\""),
            (Contexts, Reader::Person, false, "Bearer $(router-maestro server show-key)\""),
            (Env, Reader::Person, false, "Bearer $ROUTER_MAESTRO_API_KEY\""),
            (Flag, Reader::Person, false, "Bearer $ROUTER_MAESTRO_API_KEY\""),
        ] {
            let text = text(origin, reader);
            assert_eq!(text.contains("planted"), is_shown, "{origin:?} {reader:?}");
            assert_eq!(text.matches(in_commands).count(), 3, "{text}");
        }
    }
}
