//! Providers that the program itself brings along for one run, such as the demo's.
//!
//! They stand behind what the operator configured and give way to it: an entry whose name is taken is left out with a
//! warning, and the priorities are appended. A reload adds them again.

use super::Section;
use crate::{
    check::join,
    origin::Origin,
    problem::{Findings, Problem},
    sections::providers::{ProviderEntry, ProvidersFile},
};
use serde_json::Value;

/// What one run adds to the configuration.
#[derive(Clone, Debug, Default)]
pub struct Addition {
    /// Who adds it, as it stands in messages, such as `--demo`.
    pub source: String,
    /// Providers by name.
    pub providers: Vec<(String, ProviderEntry)>,
    /// `provider/model` names, best first.
    pub priorities: Vec<String>,
}

impl Addition {
    /// The providers that go beside `section`.
    pub(super) fn beside(&self, section: &Section<ProvidersFile>, findings: &mut Findings) -> Section<ProvidersFile> {
        let mut value = ProvidersFile::default();
        for (id, entry) in &self.providers {
            if section.value.providers.iter().any(|(taken, _)| taken.eq_ignore_ascii_case(id)) {
                let what = format!("{} configures a provider of this name, so this one is left out", section.source);
                findings.warn(Problem::new(&self.source, join("providers", id), what));
            } else {
                value.providers.0.push((id.clone(), entry.clone()));
            }
        }
        Section { value, raw: Value::default(), origin: Origin::Flag, source: self.source.clone() }
    }

    /// Appends the priorities that are not listed yet.
    pub fn append_to(&self, list: &mut Vec<String>) {
        for model in &self.priorities {
            if !list.iter().any(|listed| listed.eq_ignore_ascii_case(model)) {
                list.push(model.clone());
            }
        }
    }
}
