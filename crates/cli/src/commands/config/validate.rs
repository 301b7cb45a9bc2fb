//! `config validate`: every problem at once, without a start.

use super::warn;
use crate::{failure::Failure, show::put, surroundings::Surroundings};
use rm_config::{Problem, Problems};
use std::path::{Path, PathBuf};

/// Files that hold one section.
const SECTIONS: [&str; 4] = ["providers", "priorities", "server", "contexts"];

/// Checks what a start would read, or one file.
///
/// # Errors
/// All problems, one line each.
pub(super) fn run(mut around: Surroundings, file: Option<&Path>) -> Result<(), Failure> {
    let Some(file) = file else { return check(&around, "The configuration", |_| true) };
    if !file.exists() {
        return Err(Failure::usage(format!("{}: there is no such file", file.display())));
    }
    let name = file.display().to_string();
    if holds_a_section(file) {
        // A section is checked in its place, beside its neighbours, whose own problems are not asked for.
        around.config_file = None;
        around.paths.config_dir = file.parent().map(Path::to_owned).unwrap_or_default();
        let source = around.paths.config_dir.join(file.file_name().unwrap_or_default()).display().to_string();
        return check(&around, &name, |problem| problem.source == source);
    }
    around.config_file = Some(PathBuf::from(file));
    check(&around, &name, |problem| problem.source == name)
}

fn check(around: &Surroundings, what: &str, concerns: impl Fn(&Problem) -> bool) -> Result<(), Failure> {
    let (problems, mut warnings) = match rm_config::load(&around.sources(Vec::new(), None)) {
        Ok((_, warnings)) => (Vec::new(), warnings),
        Err(Problems(problems)) => (problems, Vec::new()),
    };
    let problems: Vec<_> = problems.into_iter().filter(&concerns).collect();
    if !problems.is_empty() {
        return Err(Problems(problems).into());
    }
    warnings.retain(concerns);
    warn(&warnings);
    put(&format!("{what} is valid."))
}

fn holds_a_section(file: &Path) -> bool {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    SECTIONS.contains(&stem) && ["json", "yaml", "yml"].contains(&extension)
}
