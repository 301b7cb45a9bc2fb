//! Files, environment and flags → [`Settings`], or everything that is wrong.
//!
//! Every section is checked even when another one is broken, so that one run tells all. A section with problems takes no
//! part in the cross-checks.

mod accounts;
mod addition;
mod credentials;
mod provider;
mod providers;
mod server;

pub use server::variables;

use crate::{
    check::check,
    document::parse,
    env::Env,
    files::{self, FileError},
    fingerprint::watched,
    origin::{Origin, Setting},
    paths::Paths,
    problem::{Findings, Problem, Problems, Warnings},
    schemas,
    sections::{
        combined::{Part, part},
        contexts::Contexts,
        priorities::PrioritiesFile,
        providers::ProvidersFile,
    },
    settings::Settings,
    suggest::did_you_mean,
};
use schemars::Schema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};

pub use addition::Addition;

/// Everything a configuration is made from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The directories.
    pub paths: Paths,
    /// `--config FILE`: the one file that holds all sections. The configuration directory is then not read.
    pub config_file: Option<PathBuf>,
    /// The environment, `.env` included.
    pub env: Env,
    /// Flags that set a server setting: (path such as `listen.port`, value as text).
    pub flags: Vec<(String, String)>,
    /// What the program adds for this run.
    pub addition: Option<Addition>,
}

impl Sources {
    /// Nothing but files and environment.
    pub fn new(paths: Paths, env: Env) -> Self {
        Self { paths, config_file: None, env, flags: Vec::new(), addition: None }
    }
}

/// One section's document, checked.
struct Section<T> {
    value: T,
    /// As checked, with its keys in their one spelling; for origins.
    raw: Value,
    origin: Origin,
    /// The file's path as it stands in messages.
    source: String,
}

impl<T> Section<T> {
    /// A file with keys in it is nobody else's business.
    fn warn_if_exposed(&self, holds_keys: bool, findings: &mut Findings) {
        if holds_keys && matches!(&self.origin, Origin::File(file) if files::is_exposed(file)) {
            findings.warn(
                Problem::new(&self.source, "", "holds keys and others than its owner may read it")
                    .suggest("run `chmod 600` on it"),
            );
        }
    }
}

/// Reads and compiles everything.
///
/// # Errors
/// All problems at once; each names its file (or `environment`, `flags`), the path in it, and what to do.
pub fn load(sources: &Sources) -> Result<(Settings, Warnings), Problems> {
    let mut findings = Findings::default();
    let mut documents = Documents::open(sources, &mut findings);
    let files = documents.files.clone();

    let server_document = documents.take("server", Part::Server, &schemas::server(), &mut findings);
    let providers = documents.read::<ProvidersFile>("providers", Part::Providers, &schemas::providers(), &mut findings);
    let mut priorities =
        documents.read::<PrioritiesFile>("priorities", Part::Priorities, &schemas::priorities(), &mut findings);
    let contexts = documents.read::<Contexts>("contexts", Part::Contexts, &schemas::contexts(), &mut findings);

    let context_keys = contexts.value.contexts.iter().any(|(_, context)| context.api_key.is_some());
    contexts.warn_if_exposed(context_keys, &mut findings);

    let mut listing = Vec::new();
    let server = server::compile(server_document, sources, &mut listing, &mut findings);
    let mut key_files = Vec::new();
    let added = sources.addition.as_ref().map(|addition| {
        addition.append_to(&mut priorities.value.priorities);
        addition.beside(&providers, &mut findings)
    });
    let written = std::iter::once(&providers).chain(&added);
    let provider_settings = providers::compile(written, &sources.env, &mut key_files, &mut listing, &mut findings);
    check_priorities(&priorities, &provider_settings, &mut findings);
    list_priorities(&priorities, &mut listing);

    if !findings.problems.is_empty() {
        return Err(Problems(findings.problems));
    }
    let PrioritiesFile { priorities, fallback, aliases, groups, model_overrides, thinking, .. } = priorities.value;
    let settings = Settings {
        server,
        providers: provider_settings,
        priorities,
        fallback,
        aliases,
        groups,
        model_overrides,
        thinking,
        contexts: contexts.value,
        ingress_keys: server::ingress_keys(&sources.env),
        listing,
        files: files.into_iter().chain(key_files).collect(),
    };
    Ok((settings, findings.warnings))
}

/// Reads the contexts alone, for commands that must work while another section is broken.
///
/// # Errors
/// Everything that is wrong with them.
pub fn load_contexts(sources: &Sources) -> Result<Contexts, Problems> {
    let mut findings = Findings::default();
    let mut documents = Documents::open(sources, &mut findings);
    let contexts = documents.read::<Contexts>("contexts", Part::Contexts, &schemas::contexts(), &mut findings);
    if findings.problems.is_empty() { Ok(contexts.value) } else { Err(Problems(findings.problems)) }
}

/// Where the sections' documents come from.
struct Documents<'a> {
    sources: &'a Sources,
    combined: Option<(Value, PathBuf)>,
    files: Vec<PathBuf>,
}

impl<'a> Documents<'a> {
    fn open(sources: &'a Sources, findings: &mut Findings) -> Self {
        let Some(path) = &sources.config_file else {
            return Self { sources, combined: None, files: watched(&sources.paths) };
        };
        let name = path.display().to_string();
        let mut value = match read(path) {
            Ok(Some(value)) => value,
            Ok(None) => {
                findings.problem(Problem::new(&name, "", "there is no such file"));
                Value::Object(serde_json::Map::new())
            }
            Err(problem) => {
                findings.problem(problem);
                Value::Object(serde_json::Map::new())
            }
        };
        let before = findings.problems.len();
        check(&schemas::combined(), &mut value, &name, "", findings);
        if findings.problems.len() > before {
            value = Value::Object(serde_json::Map::new());
        }
        Self { sources, combined: Some((value, path.clone())), files: vec![path.clone()] }
    }

    /// One section's document, checked and not yet typed; empty when there is none or it is broken.
    fn take(&mut self, name: &str, which: Part, schema: &Schema, findings: &mut Findings) -> Section<()> {
        let empty = || Value::Object(serde_json::Map::new());
        let default = |path: PathBuf| Section {
            value: (),
            raw: empty(),
            origin: Origin::Default,
            source: path.display().to_string(),
        };
        if let Some((combined, path)) = &self.combined {
            let raw = part(combined, which);
            let raw = if raw.is_object() { raw } else { empty() };
            return Section { value: (), raw, origin: Origin::File(path.clone()), source: path.display().to_string() };
        }
        let candidates = self.sources.paths.candidates(name);
        let existing: Vec<_> = candidates.iter().filter(|path| path.exists()).collect();
        let [path, rest @ ..] = existing.as_slice() else {
            let [first, ..] = candidates;
            return default(first);
        };
        let path: &Path = path;
        let source = path.display().to_string();
        for other in rest {
            findings.problem(
                Problem::new(&source, "", format!("{} holds the same section", other.display()))
                    .suggest("keep one of them"),
            );
        }
        let mut raw = match read(path) {
            Ok(value) => value.unwrap_or_else(empty),
            Err(problem) => {
                findings.problem(problem);
                return default(path.to_owned());
            }
        };
        let before = findings.problems.len();
        check(schema, &mut raw, &source, "", findings);
        if findings.problems.len() > before {
            return default(path.to_owned());
        }
        Section { value: (), raw, origin: Origin::File(path.to_owned()), source }
    }

    /// One section's document as its type; the default when there is none or it is broken.
    fn read<T: DeserializeOwned + Default>(
        &mut self,
        name: &str,
        which: Part,
        schema: &Schema,
        findings: &mut Findings,
    ) -> Section<T> {
        let Section { raw, origin, source, .. } = self.take(name, which, schema, findings);
        let value = serde_json::from_value(raw.clone()).unwrap_or_else(|error| {
            findings.problem(Problem::new(&source, "", error.to_string()));
            T::default()
        });
        Section { value, raw, origin, source }
    }
}

/// A file's document, or the problem with it; `None` when there is no such file.
fn read(path: &Path) -> Result<Option<Value>, Problem> {
    let name = path.display().to_string();
    match files::read(path) {
        Ok(None) => Ok(None),
        Ok(Some(bytes)) => match parse(path, &bytes) {
            Ok((value, _)) => Ok(Some(value)),
            Err(error) => {
                let problem = Problem::new(name, "", error.to_string());
                Err(match error {
                    crate::BadDocument::Empty => {
                        problem.suggest("write `{}` for an empty configuration, or remove the file")
                    }
                    _ => problem,
                })
            }
        },
        Err(FileError::Io { action, source, .. }) => Err(Problem::new(name, "", format!("cannot {action}: {source}"))),
        Err(other) => Err(Problem::new(name, "", other.to_string())),
    }
}

/// Names in the priority list, aliases and groups have the form they need; unknown providers are worth a warning.
fn check_priorities(section: &Section<PrioritiesFile>, providers: &[crate::ProviderSettings], findings: &mut Findings) {
    let file = &section.value;
    let known = |name: &str| providers.iter().any(|provider| provider.id.as_str().eq_ignore_ascii_case(name));
    let names: Vec<&str> = providers.iter().map(|provider| provider.id.as_str()).collect();
    let listed = file.priorities.iter().enumerate().map(|(index, model)| (format!("priorities[{index}]"), model));
    let grouped = file.groups.iter().flat_map(|(name, group)| {
        group.models.iter().enumerate().map(move |(index, model)| (format!("groups.{name}.models[{index}]"), model))
    });
    for (path, model) in listed.chain(grouped) {
        match model.split_once('/') {
            _ if !is_model_name(model) => findings.problem(Problem::new(&section.source, path, BAD_MODEL_NAME)),
            Some((provider, name)) if !provider.is_empty() && !name.is_empty() => {
                if !known(provider) {
                    let mut warning =
                        Problem::new(&section.source, path, format!("no provider `{provider}` is available"));
                    warning.suggestion = did_you_mean(provider, names.iter().copied());
                    findings.warn(warning);
                }
            }
            _ => findings.problem(
                Problem::new(&section.source, path, format!("`{model}` is no provider/model name"))
                    .suggest("write the provider and a slash before the model"),
            ),
        }
    }
    for (name, target) in file.aliases.iter() {
        let path = crate::check::join("aliases", name);
        if !is_model_name(name) || !is_model_name(target) {
            findings.problem(Problem::new(&section.source, path, BAD_MODEL_NAME));
        } else if name.eq_ignore_ascii_case(target) {
            findings.problem(Problem::new(&section.source, path, "an alias must not name itself"));
        }
    }
}

const BAD_MODEL_NAME: &str = "is no model name: it must not be empty, longer than 256 bytes, or hold spaces at its ends, control characters or any of ?#%\\<>\"{}$;*";

/// Whether a text may name a model in configuration and requests.
fn is_model_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 256
        && text.trim() == text
        && !text.chars().any(|c| c.is_control() || "?#%\\<>\"{}$;*".contains(c))
}

fn list_priorities(section: &Section<PrioritiesFile>, listing: &mut Vec<Setting>) {
    let file = &section.value;
    let origin = |key: &str| {
        if section.raw.pointer(key).is_some() { section.origin.clone() } else { Origin::Default }
    };
    let mut push = |path: &str, pointer: &str, value: Value| {
        listing.push(Setting { path: path.to_owned(), value: value.to_string(), origin: origin(pointer) });
    };
    push("priorities", "/priorities", file.priorities.clone().into());
    push("fallback.strategy", "/fallback/strategy", file.fallback.strategy.name().into());
    push("fallback.maxRetries", "/fallback/maxRetries", file.fallback.max_retries.into());
    for (name, target) in file.aliases.iter() {
        push(&format!("aliases.{name}"), "/aliases", target.as_str().into());
    }
    for (name, group) in file.groups.iter() {
        push(&format!("groups.{name}"), "/groups", group.models.clone().into());
    }
}
