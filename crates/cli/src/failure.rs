//! How a command ends when it does not succeed.

use crate::show::shown;
use rm_config::Problems;
use std::{fmt, process::ExitCode};

/// Why a command did not succeed, one line per reason, each saying what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    lines: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Exit status 2.
    Usage,
    /// Exit status 1.
    Runtime,
}

impl Failure {
    /// What was asked or configured does not fit.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Kind::Usage, &message)
    }

    /// It could have worked, but did not this time.
    pub(crate) fn runtime(message: impl fmt::Display) -> Self {
        Self::new(Kind::Runtime, &message)
    }

    fn new(kind: Kind, message: &dyn fmt::Display) -> Self {
        Self { kind, lines: message.to_string().lines().map(str::to_owned).collect() }
    }

    /// Writes every line to stderr; returns the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        let style = anstyle::AnsiColor::Red.on_default().bold();
        for line in &self.lines {
            anstream::eprintln!("{style}error:{style:#} {}", shown(line));
        }
        match self.kind {
            Kind::Usage => ExitCode::from(2),
            Kind::Runtime => ExitCode::from(1),
        }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::usage(problems)
    }
}
