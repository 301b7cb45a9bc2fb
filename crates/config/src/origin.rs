//! Where a setting came from.

use std::{fmt, path::PathBuf};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The built-in catalogue.
    Catalogue,
    /// A file.
    File(PathBuf),
    /// An environment variable, by name.
    Env(String),
    /// A flag of the command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Catalogue => f.write_str("built-in catalogue"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Env(name) => write!(f, "${name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// One line of `config show --origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Such as `server.listen.port` or `providers.groq.baseURL`.
    pub path: String,
    /// The effective value as JSON text; secrets are `"[redacted]"`.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}
