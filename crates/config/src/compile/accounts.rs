//! The accounts of one provider: which credentials it has, in which order, prepared for calls.

use super::{
    credentials::{Found, Named, Refused, by_name, derived_variable},
    provider::{Compiler, is_secret_header},
};
use crate::{check::shown, origin::Origin, settings::AccountSettings};
use http::HeaderMap;
use rm_catalog::{AccountName, Builtin, ProviderId, ProviderKind, builtin::Quirks};
use rm_providers::{BaseUrl, Credential, Endpoint, EndpointSpec};
use std::{path::Path, sync::Arc};

/// What an account says that is known and comes later.
const PASSTHROUGH_TO_COME: &str = "is not supported yet, so the account is left out";

/// An account with its credential, not yet prepared.
pub(super) struct Signed {
    name: AccountName,
    found: Found,
    priority: u32,
    weight: u32,
}

impl Compiler<'_, '_> {
    /// Every account that is switched on, by priority.
    pub(super) fn accounts(
        &mut self,
        kind: ProviderKind,
        vendor: Option<&Builtin>,
        base: &BaseUrl,
        origin: &Origin,
    ) -> Vec<Signed> {
        let beside = match origin {
            Origin::File(file) => file.parent(),
            _ => None,
        };
        let own = Named::of_provider(self.entry);
        if self.entry.accounts.is_empty() {
            if own.is_passthrough() {
                self.warn("passthrough", PASSTHROUGH_TO_COME);
                return Vec::new();
            }
            let found = own.resolve(self.env, beside);
            let found = match found {
                Ok(Some(found)) => Ok(found),
                Ok(None) => self.unnamed(kind, vendor, base),
                Err(refused) => Err(refused),
            };
            return match found {
                Ok(found) => vec![Signed { name: AccountName::new("default"), found, priority: 1, weight: 1 }],
                Err((member, what, suggestion)) => {
                    self.problem(member, what, suggestion);
                    Vec::new()
                }
            };
        }
        if own.is_some() {
            let advice = "move the key into an account of its own".to_owned();
            self.problem("accounts", "stands beside a key of the provider itself".to_owned(), Some(advice));
        }
        self.listed_accounts(beside)
    }

    fn listed_accounts(&mut self, beside: Option<&Path>) -> Vec<Signed> {
        let mut accounts = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for (index, account) in self.entry.accounts.iter().enumerate() {
            let at = format!("accounts[{index}]");
            let name = account.name.clone().unwrap_or_else(|| match index {
                0 => "default".to_owned(),
                _ => format!("account-{}", index + 1),
            });
            if names.contains(&name.to_ascii_lowercase()) {
                self.problem(&format!("{at}.name"), format!("`{}` is the name of two accounts", shown(&name)), None);
            } else if name.is_empty() || name.len() > 64 || !name.bytes().all(|b| b.is_ascii_graphic()) {
                self.problem(&format!("{at}.name"), "must be 1 to 64 visible ASCII characters".to_owned(), None);
            }
            names.push(name.to_ascii_lowercase());
            if account.enabled == Some(false) {
                continue;
            }
            let credential = Named::of_account(account);
            if credential.is_passthrough() {
                self.warn(&format!("{at}.passthrough"), PASSTHROUGH_TO_COME);
                continue;
            }
            match credential.resolve(self.env, beside) {
                Ok(Some(found)) => accounts.push(Signed {
                    name: AccountName::new(&name),
                    found,
                    priority: account.priority.unwrap_or(1),
                    weight: account.weight.unwrap_or(1),
                }),
                Ok(None) => {
                    let advice = "give `apiKeyEnv`, `apiKeyFile` or `apiKey`".to_owned();
                    self.problem(&at, "names no credential".to_owned(), Some(advice));
                }
                Err((member, what, suggestion)) => self.problem(&format!("{at}.{member}"), what, suggestion),
            }
        }
        accounts.sort_by_key(|account| account.priority);
        accounts
    }

    /// The credential of a provider that names none.
    fn unnamed(&mut self, kind: ProviderKind, vendor: Option<&Builtin>, base: &BaseUrl) -> Result<Found, Refused> {
        if let Some(found) = by_name(self.id, vendor, self.env)? {
            return Ok(found);
        }
        let variables = vendor.map(|vendor| vendor.key_env.clone()).filter(|names| !names.is_empty());
        let variable = variables.map_or_else(|| derived_variable(self.id), |names| names[0].clone());
        let authorised =
            self.entry.options.headers.iter().any(|(name, _)| is_secret_header(&name.to_ascii_lowercase()));
        let meant = self.entry.options.allow_unauthenticated || base.is_loopback() || authorised;
        let advice = format!("set the variable {variable}, or give `apiKeyEnv` or `apiKeyFile`");
        match kind {
            ProviderKind::OpenAi | ProviderKind::Anthropic if !meant => {
                return Err(("apiKeyEnv", "there is no key".to_owned(), Some(advice)));
            }
            ProviderKind::OpenAiCompatible if !meant && vendor.is_some_and(|vendor| !vendor.local) => {
                self.warn("apiKeyEnv", &format!("there is no key, so requests go without one; {advice}"));
            }
            ProviderKind::OpenAi | ProviderKind::Anthropic | ProviderKind::OpenAiCompatible => {}
        }
        Ok(Found { credential: Credential::None, origin: Some(Origin::Default), file: None })
    }

    pub(super) fn endpoints(
        &mut self,
        id: &ProviderId,
        kind: ProviderKind,
        base: &BaseUrl,
        quirks: Quirks,
        headers: &HeaderMap,
        credentials: Vec<Signed>,
    ) -> Vec<AccountSettings> {
        let mut accounts = Vec::new();
        for Signed { name, found: Found { credential, origin, file }, priority, weight } in credentials {
            self.key_files.extend(file);
            let spec = EndpointSpec { provider: id, kind, base, quirks, credential: &credential, headers };
            match Endpoint::new(&spec) {
                Ok(endpoint) => {
                    let origin = origin.unwrap_or_else(|| self.own_origin());
                    let endpoint = Arc::new(endpoint);
                    accounts.push(AccountSettings { name, credential, priority, weight, origin, endpoint });
                }
                Err(error) => self.problem("", error.to_string(), None),
            }
        }
        accounts
    }
}
