//! `config init`: files to begin with.

use crate::{failure::Failure, show::put, surroundings::Surroundings};

/// A provider that is switched off until its address and models are filled in. Vendors need no entry at all: their
/// variable is enough.
const PROVIDERS: &str = r#"{
  "providers": {
    "my-server": {
      "type": "openai-compatible",
      "baseURL": "http://127.0.0.1:8000/v1",
      "models": ["my-model"],
      "apiKeyEnv": "MY_SERVER_API_KEY",
      "enabled": false
    }
  }
}
"#;

const PRIORITIES: &str = r#"{
  "priorities": [],
  "fallback": {
    "strategy": "priority",
    "maxRetries": 2
  }
}
"#;

const SERVER: &str = "\
listen:
  host: 127.0.0.1
  port: 8080
logs:
  level: info
";

/// Writes each file that does not exist under any of its spellings, and says what it did.
///
/// # Errors
/// The system refuses.
pub(super) fn run(around: &Surroundings) -> Result<(), Failure> {
    for (section, content) in [("providers", PROVIDERS), ("priorities", PRIORITIES), ("server", SERVER)] {
        let candidates = around.paths.candidates(section);
        if let Some(there) = candidates.iter().find(|path| path.symlink_metadata().is_ok()) {
            put(&format!("left alone  {}", there.display()))?;
            continue;
        }
        let [first, ..] = candidates;
        rm_config::write_atomic(&first, content.as_bytes()).map_err(Failure::runtime)?;
        put(&format!("wrote       {}", first.display()))?;
    }
    put("\nCheck changes with `router-maestro config validate`; a running server takes them over within seconds.")
}
