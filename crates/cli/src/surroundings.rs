//! What a command finds around it: the environment, the directories, the files named on the command line.

use crate::{args::Global, failure::Failure};
use rm_config::{Addition, Env, PathFlags, Paths, Sources};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The file in the working directory that may add to the environment.
const DOTENV: &str = ".env";

/// Everything outside the process that a command depends on.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) env: Env,
    pub(crate) paths: Paths,
    /// `--config FILE`.
    pub(crate) config_file: Option<PathBuf>,
    /// `--context NAME`.
    pub(crate) context: Option<String>,
    /// Places that were given by flags: whoever repeats a command must give them again.
    told: Vec<(&'static str, PathBuf)>,
}

/// What a `.env` file that cannot be read means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dotenv {
    /// The command works on the configuration, so it is an error.
    Needed,
    /// It may belong to something else: it is passed over.
    Optional,
}

impl Surroundings {
    /// Looks around.
    ///
    /// # Errors
    /// There is no place for files, or `.env` is needed and broken.
    pub(crate) fn find(global: Global, dotenv: Dotenv) -> Result<Self, Failure> {
        let process = Env::new(std::env::vars_os());
        let env = match read_dotenv(Path::new(DOTENV), process.clone()) {
            Ok(env) => env,
            Err(_) if dotenv == Dotenv::Optional => process,
            Err(what) => return Err(Failure::usage(format!("{DOTENV}: {what}"))),
        };
        let told =
            [("--config", &global.config), ("--config-dir", &global.config_dir), ("--data-dir", &global.data_dir)];
        let told = told.into_iter().filter_map(|(flag, path)| Some((flag, absolute(path.clone()?)))).collect();
        let flags = PathFlags { config_dir: global.config_dir, data_dir: global.data_dir };
        let Paths { config_dir, data_dir } = Paths::find(flags, &env).map_err(Failure::usage)?;
        // A detached server and a restart work in another directory.
        let paths = Paths { config_dir: absolute(config_dir), data_dir: absolute(data_dir) };
        let config_file = global.config.or_else(|| env.get("ROUTER_MAESTRO_CONFIG").map(PathBuf::from)).map(absolute);
        let context = global.context.or_else(|| env.get("ROUTER_MAESTRO_CONTEXT").map(str::to_owned));
        Ok(Self { env, paths, config_file, context, told })
    }

    /// The same from another working directory, whose `.env` counts then.
    ///
    /// # Errors
    /// The directory is gone, or its `.env` is broken.
    pub(crate) fn moved_to(self, directory: &Path) -> Result<Self, Failure> {
        let place = directory.display();
        std::env::set_current_dir(directory)
            .map_err(|error| Failure::runtime(format!("{place}: cannot work in this directory: {error}")))?;
        let env = read_dotenv(Path::new(DOTENV), Env::new(std::env::vars_os()))
            .map_err(|what| Failure::usage(format!("{place}/{DOTENV}: {what}")))?;
        Ok(Self { env, ..self })
    }

    /// What a configuration is loaded from. `flags` are (setting, value).
    pub(crate) fn sources(&self, flags: Vec<(String, String)>, addition: Option<Addition>) -> Sources {
        Sources {
            config_file: self.config_file.clone(),
            flags,
            addition,
            ..Sources::new(self.paths.clone(), self.env.clone())
        }
    }

    /// The flags that name places, with absolute paths.
    pub(crate) fn told(&self) -> &[(&'static str, PathBuf)] {
        &self.told
    }

    /// The file that holds the contexts, or would.
    pub(crate) fn contexts_file(&self) -> PathBuf {
        self.paths.file("contexts")
    }

    /// Where a running server says that it runs.
    pub(crate) fn state_file(&self) -> PathBuf {
        self.paths.data_dir.join("state").join("server.json")
    }

    /// Where a detached server writes.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.paths.data_dir.join("logs").join("server.log")
    }
}

fn read_dotenv(path: &Path, env: Env) -> Result<Env, String> {
    match fs::read_to_string(path) {
        Ok(text) => env.with_dotenv(&text).map_err(|error| error.to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(env),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
