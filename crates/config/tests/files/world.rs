//! A configuration directory of a test, and what it loads to.

use rm_config::{Env, Paths, Settings, Sources, Warnings, load};
use std::{os::unix::fs::PermissionsExt, path::PathBuf};

/// Files in a directory, an environment, flags.
pub(crate) struct World {
    dir: tempfile::TempDir,
    env: Vec<(String, String)>,
    pub(crate) config_file: Option<&'static str>,
    pub(crate) flags: Vec<(String, String)>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), env: Vec::new(), config_file: None, flags: Vec::new() }
    }

    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        std::fs::write(self.path(name), content).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn sources(&self) -> Sources {
        let paths = Paths { config_dir: self.dir.path().into(), data_dir: self.dir.path().join("data") };
        Sources {
            config_file: self.config_file.map(|name| self.path(name)),
            flags: self.flags.clone(),
            ..Sources::new(paths, Env::new(self.env.iter().cloned()))
        }
    }

    pub(crate) fn load(&self) -> (Settings, Warnings) {
        load(&self.sources()).unwrap_or_else(|problems| panic!("{problems}"))
    }

    pub(crate) fn settings(&self) -> Settings {
        self.load().0
    }

    /// Every warning as a line, with the directory's name taken off.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.load().1.iter().map(|warning| self.bare(&warning.to_string())).collect()
    }

    /// Every problem as a line, with the directory's name taken off.
    pub(crate) fn problems(&self) -> Vec<String> {
        let problems = load(&self.sources()).expect_err("the configuration should be refused");
        self.bare(&problems.to_string()).lines().map(str::to_owned).collect()
    }

    fn bare(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.dir.path().display()), "")
    }
}
