//! Where files are: XDG directories, unless a flag or a variable says otherwise.

use crate::env::Env;
use std::path::PathBuf;
use thiserror::Error;

/// The two directories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// `providers.json`, `priorities.json`, `server.yaml`, `contexts.json`.
    pub config_dir: PathBuf,
    /// `stats.db`, `auth.json`, `state/`, `logs/`.
    pub data_dir: PathBuf,
}

/// `--config-dir` and `--data-dir`.
#[derive(Clone, Debug, Default)]
pub struct PathFlags {
    /// `--config-dir`.
    pub config_dir: Option<PathBuf>,
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
}

/// There is no place for files.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no place for {what}: HOME is not set; set HOME, {variable} or {flag}")]
pub struct NoHome {
    what: &'static str,
    variable: &'static str,
    flag: &'static str,
}

impl Paths {
    /// A flag beats `ROUTER_MAESTRO_CONFIG_DIR` / `ROUTER_MAESTRO_DATA_DIR`, which beat `$XDG_CONFIG_HOME/router-maestro` /
    /// `$XDG_DATA_HOME/router-maestro`, which beat `~/.config/router-maestro` / `~/.local/share/router-maestro`. As the XDG
    /// specification asks, a relative XDG variable is ignored.
    ///
    /// # Errors
    /// None of these is set.
    pub fn find(flags: PathFlags, env: &Env) -> Result<Self, NoHome> {
        let pick = |flag: Option<PathBuf>, variable: &str, xdg: &str, home: &str| {
            let xdg_dir = || env.get(xdg).map(PathBuf::from).filter(|path| path.is_absolute());
            let home_dir = || env.get("HOME").map(|dir| PathBuf::from(dir).join(home));
            flag.or_else(|| env.get(variable).map(PathBuf::from))
                .or_else(|| xdg_dir().or_else(home_dir).map(|dir| dir.join("router-maestro")))
        };
        let config_dir = pick(flags.config_dir, "ROUTER_MAESTRO_CONFIG_DIR", "XDG_CONFIG_HOME", ".config")
            .ok_or(NoHome { what: "configuration", variable: "ROUTER_MAESTRO_CONFIG_DIR", flag: "--config-dir" })?;
        let data_dir = pick(flags.data_dir, "ROUTER_MAESTRO_DATA_DIR", "XDG_DATA_HOME", ".local/share")
            .ok_or(NoHome { what: "data", variable: "ROUTER_MAESTRO_DATA_DIR", flag: "--data-dir" })?;
        Ok(Self { config_dir, data_dir })
    }

    /// The spellings under which a section's file may stand, in the order they are looked for.
    pub fn candidates(&self, section: &str) -> [PathBuf; 3] {
        let order = if section == "server" { ["yaml", "yml", "json"] } else { ["json", "yaml", "yml"] };
        order.map(|extension| self.config_dir.join(format!("{section}.{extension}")))
    }

    /// The file that holds a section: the first of [`Paths::candidates`] that exists, else the first.
    pub fn file(&self, section: &str) -> PathBuf {
        let candidates = self.candidates(section);
        let [first, ..] = &candidates;
        candidates.iter().find(|path| path.exists()).unwrap_or(first).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(pairs: &[(&str, &str)], flags: PathFlags) -> Result<(String, String), NoHome> {
        let env = Env::new(pairs.iter().copied());
        Paths::find(flags, &env)
            .map(|paths| (paths.config_dir.display().to_string(), paths.data_dir.display().to_string()))
    }

    #[test]
    fn flags_beat_variables_beat_xdg_beats_home() {
        let pair = |a: &str, b: &str| Ok((a.to_owned(), b.to_owned()));
        let home = ("HOME", "/home/u");
        assert_eq!(
            find(&[home], PathFlags::default()),
            pair("/home/u/.config/router-maestro", "/home/u/.local/share/router-maestro")
        );
        let xdg = [home, ("XDG_CONFIG_HOME", "/c"), ("XDG_DATA_HOME", "relative")];
        assert_eq!(find(&xdg, PathFlags::default()), pair("/c/router-maestro", "/home/u/.local/share/router-maestro"));
        let own =
            [home, ("XDG_CONFIG_HOME", "/c"), ("ROUTER_MAESTRO_CONFIG_DIR", "/own"), ("ROUTER_MAESTRO_DATA_DIR", "d")];
        assert_eq!(find(&own, PathFlags::default()), pair("/own", "d"));
        let flags = PathFlags { config_dir: Some("/flag".into()), data_dir: None };
        assert_eq!(find(&own, flags), pair("/flag", "d"));
        let error = find(&[], PathFlags::default()).unwrap_err().to_string();
        assert!(error.contains("ROUTER_MAESTRO_CONFIG_DIR"), "{error}");
    }
}
