//! What is wrong with a configuration, all at once.

use std::fmt;
use thiserror::Error;

/// One thing that is wrong, or worth a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file's path, `environment` or `flags`.
    pub source: String,
    /// Where in it: `providers.groq.baseURL`, a variable's name, `line 3`; empty for the whole.
    pub path: String,
    /// What is wrong, as a lower-case fragment. Never holds a secret.
    pub what: String,
    /// What to do about it.
    pub suggestion: Option<String>,
}

impl Problem {
    /// A problem without a suggestion.
    pub(crate) fn new(source: impl Into<String>, path: impl Into<String>, what: impl Into<String>) -> Self {
        Self { source: source.into(), path: path.into(), what: what.into(), suggestion: None }
    }

    /// With advice.
    pub(crate) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.what)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; {suggestion}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong, one line each. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// What works, but probably not as meant.
pub type Warnings = Vec<Problem>;

/// Problems and warnings found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Warnings,
}

impl Findings {
    pub(crate) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(crate) fn warn(&mut self, warning: Problem) {
        self.warnings.push(warning);
    }
}
