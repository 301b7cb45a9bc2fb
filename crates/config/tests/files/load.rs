//! What configurations load to.

use crate::world::World;
use rm_config::{Origin, ServerSettings, Strategy};
use rm_protocol::Protocol;
use rm_providers::Operation;
use std::time::Duration;

fn names(world: &World) -> Vec<String> {
    world.settings().providers.iter().map(|provider| provider.id.to_string()).collect()
}

fn chat_url(world: &World, index: usize) -> String {
    let provider = &world.settings().providers[index];
    provider.accounts[0].endpoint.uri(Operation::Generate(Protocol::Chat)).to_string()
}

#[test]
fn no_file_and_no_variable_is_a_valid_configuration_with_all_defaults() {
    let (settings, warnings) = World::new().load();
    assert!(settings.providers.is_empty() && warnings.is_empty());
    assert_eq!(settings.server.listen.port, 8080);
    assert_eq!((settings.fallback.strategy, settings.fallback.max_retries), (Strategy::Priority, 2));
}

#[test]
fn the_example_of_the_server_file_holds_every_key_with_its_default() {
    let world = World::new().file("server.yaml", include_str!("examples/server.yaml"));
    let settings = world.settings();
    assert_eq!(
        serde_json::to_value(&settings.server).unwrap(),
        serde_json::to_value(ServerSettings::default()).unwrap()
    );
    let written: serde_json::Value = serde_saphyr::from_str(include_str!("examples/server.yaml")).unwrap();
    for setting in settings.listing.iter().filter_map(|setting| setting.path.strip_prefix("server.")) {
        let pointer = format!("/{}", setting.replace('.', "/"));
        assert!(written.pointer(&pointer).is_some(), "{setting} is missing in the example");
    }
}

#[test]
fn every_example_of_a_providers_file_loads() {
    let world = World::new()
        .file("providers.json", include_str!("examples/providers.json"))
        .file("proxy.key", "pk-proxy-secret\n")
        .env("OPENAI_API_KEY", "sk-openai")
        .env("TEAM_KEY", "sk-ant-team");
    let settings = world.settings();
    insta::assert_snapshot!(show(&settings.providers), @r"
    openai openai https://api.openai.com/v1 chat retries 1 timeout Some(90s)
      default 1/1 $OPENAI_API_KEY
    anthropic anthropic https://api.anthropic.com/v1 messages retries 0 timeout None
      team 1/1 $TEAM_KEY
      spare 2/3 providers.json
    ollama openai-compatible http://localhost:11434/v1 chat retries 0 timeout None
      models llama3 (Llama 3), qwen3
      default 1/1 default
    proxy openai-compatible https://llm.example.com/api/v1 chat,messages retries 0 timeout None
      models big, small
      mapping gpt-5 -> big
      default 1/1 proxy.key
    ");
    assert!(settings.providers[3].quirks.no_stream_options);
}

/// One line per fact.
fn show(providers: &[rm_config::ProviderSettings]) -> String {
    let mut lines = Vec::new();
    for provider in providers {
        let protocols: Vec<_> = provider.protocols.iter().map(|protocol| protocol.name()).collect();
        lines.push(format!(
            "{} {} {} {} retries {} timeout {:?}",
            provider.id,
            provider.kind.name(),
            provider.base_url,
            protocols.join(","),
            provider.max_retries,
            provider.timeout
        ));
        let named = |model: &rm_config::ModelSettings| match &model.display_name {
            Some(name) => format!("{} ({name})", model.id),
            None => model.id.clone(),
        };
        let models: Vec<_> = provider.models.iter().map(named).collect();
        if !models.is_empty() {
            lines.push(format!("  models {}", models.join(", ")));
        }
        lines.extend(provider.model_mapping.iter().map(|(from, to)| format!("  mapping {from} -> {to}")));
        for account in &provider.accounts {
            let origin = match &account.origin {
                Origin::File(path) => path.file_name().unwrap().to_string_lossy().into_owned(),
                other => other.to_string(),
            };
            lines.push(format!("  {} {}/{} {origin}", account.name, account.priority, account.weight));
        }
    }
    lines.join("\n")
}

#[test]
fn the_shapes_of_older_gateways_are_subsets() {
    let world = World::new().file("providers.json", include_str!("examples/providers-rm.json")).env("MINE", "k-123456");
    assert_eq!(world.settings().providers[0].accounts[0].origin, Origin::Env("MINE".into()));
    assert_eq!(
        world.warnings(),
        ["providers.json: providers.my-llm.options.something_else: unknown key `something_else`, ignored"]
    );
    let world = World::new().file("providers.yaml", include_str!("examples/providers-lar.yaml"));
    assert_eq!(names(&world), ["backup", "primary"]);
    let primary = &world.settings().providers[1];
    assert_eq!((primary.timeout, primary.max_retries), (Some(Duration::from_secs(30)), 3));
    assert_eq!(primary.model_mapping, [("claude-sonnet".to_owned(), "gpt-5".to_owned())]);
    assert_eq!(world.settings().providers[0].base_url.as_str(), "https://api.anthropic.com/v1");
}

#[test]
fn priorities_and_contexts_are_read() {
    let world = World::new()
        .file("priorities.json", include_str!("examples/priorities.json"))
        .file("contexts.json", include_str!("examples/contexts.json"))
        .env("OPENAI_API_KEY", "sk-o")
        .env("ANTHROPIC_API_KEY", "sk-a");
    let (settings, warnings) = world.load();
    assert_eq!(settings.priorities, ["anthropic/claude-sonnet-4-5", "openai/gpt-5"]);
    assert_eq!(settings.aliases.get("best").unwrap(), "anthropic/claude-sonnet-4-5");
    assert_eq!(settings.groups.get("router-cheap").unwrap().models, ["openai/gpt-5-mini"]);
    assert_eq!(settings.model_overrides.get("openai/gpt-5").unwrap().max_prompt_tokens, Some(100_000));
    assert_eq!(settings.contexts.current.as_deref(), Some("work"));
    assert_eq!(settings.contexts.contexts.get("work").unwrap().api_key.as_ref().unwrap().expose(), "sk-rm-work");
    assert_eq!(warnings, []);
}

#[test]
fn one_file_may_hold_all_sections_and_then_the_directory_is_not_read() {
    let mut world = World::new()
        .file("router-maestro.yaml", include_str!("examples/router-maestro.yaml"))
        .file("providers.json", "broken")
        .env("MY_GROQ", "gsk-1");
    world.config_file = Some("router-maestro.yaml");
    let settings = world.settings();
    assert_eq!(names(&world), ["groq"]);
    assert_eq!(settings.server.listen.port, 9000);
    assert_eq!(settings.server.timeouts.connect, Duration::from_millis(500));
    assert_eq!((settings.fallback.strategy, settings.fallback.max_retries), (Strategy::SameModel, 1));
    assert_eq!(settings.aliases.len(), 1);
    assert_eq!(settings.contexts.current.as_deref(), Some("local"));
    assert_eq!(settings.files, [world.path("router-maestro.yaml")]);
}

#[test]
fn vendor_variables_alone_make_providers_available() {
    let world = World::new().env("ANTHROPIC_API_KEY", "sk-ant").env("OPENAI_API_KEY", " sk-oai ");
    assert_eq!(names(&world), ["openai", "anthropic"]);
    assert_eq!(chat_url(&world, 0), "https://api.openai.com/v1/chat/completions");
    assert_eq!(world.settings().providers[0].origin, Origin::Env("OPENAI_API_KEY".into()));
}

#[test]
fn a_github_token_and_empty_variables_make_nothing_available() {
    let world = World::new().env("GITHUB_TOKEN", "ghp_x").env("GH_TOKEN", "ghp_x").env("OPENAI_API_KEY", "");
    assert!(names(&world).is_empty());
}

#[test]
fn a_variable_that_is_no_key_warns_and_stops_nothing() {
    let world = World::new().env("OPENAI_API_KEY", "two words");
    assert!(names(&world).is_empty());
    assert!(world.warnings()[0].starts_with("environment: OPENAI_API_KEY:"), "{:?}", world.warnings());
}

#[test]
fn an_entry_beats_the_variable_of_the_same_vendor() {
    let world = World::new()
        .file("providers.json", r#"{"providers": {"OpenAI": {"apiKey": "sk-mine"}}}"#)
        .env("OPENAI_API_KEY", "sk-env");
    assert_eq!(names(&world), ["OpenAI"]);
    assert!(matches!(world.settings().providers[0].accounts[0].origin, Origin::File(_)));
    let off = World::new()
        .file("providers.json", r#"{"providers": {"openai": {"enabled": false}}}"#)
        .env("OPENAI_API_KEY", "sk-env");
    assert!(names(&off).is_empty());
}

#[test]
fn the_variable_of_a_providers_own_name_is_found() {
    let file = r#"{"providers": {"my-llm.2": {"type": "openai-compatible", "baseURL": "https://llm.example.com"}}}"#;
    let world = World::new().file("providers.json", file).env("MY_LLM_2_API_KEY", "k-123");
    assert_eq!(world.settings().providers[0].accounts[0].origin, Origin::Env("MY_LLM_2_API_KEY".into()));
    let keyless = World::new().file("providers.json", file);
    assert_eq!(keyless.settings().providers[0].accounts.len(), 1);
    assert!(keyless.warnings().is_empty());
}

#[test]
fn a_backend_url_counts_only_when_nothing_else_is_configured() {
    let world = World::new().env("BACKEND_BASE_URL", "http://llm.internal:8000").env("BACKEND_API_KEY", "k-1");
    assert_eq!(chat_url(&world, 0), "http://llm.internal:8000/v1/chat/completions");
    let world = world.env("OPENAI_API_KEY", "sk-o");
    assert_eq!(names(&world), ["openai"]);
}

#[test]
fn an_account_that_passes_the_callers_credential_through_is_left_out_with_a_warning() {
    let world = World::new().file(
        "providers.json",
        r#"{"providers": {
            "alone": {"type": "openai-compatible", "baseURL": "http://localhost:1/v1", "passthrough": true},
            "beside": {"type": "openai-compatible", "baseURL": "http://localhost:1/v1",
                       "accounts": [{"passthrough": true}, {"name": "b", "apiKey": "k"}]}
        }}"#,
    );
    let (settings, _) = world.load();
    let accounts: Vec<_> = settings.providers.iter().flat_map(|p| &p.accounts).map(|a| a.name.as_str()).collect();
    assert_eq!(accounts, ["b"]);
    let warnings = world.warnings();
    for told in ["alone.passthrough", "alone.accounts", "beside.accounts[0].passthrough"] {
        assert!(warnings.iter().any(|warning| warning.contains(told)), "{told}: {warnings:?}");
    }
}

#[test]
fn what_is_not_built_yet_is_left_out_with_a_warning() {
    let world = World::new().file(
        "providers.json",
        r#"{"providers": {
            "github-copilot": {"type": "github-copilot"},
            "future": {"type": "openai-compatible", "baseURL": "https://x.example.com", "protocols": ["responses"]},
            "mixed": {"type": "openai-compatible", "baseURL": "https://y.example.com", "protocols": ["responses", "chat"]}
        }}"#,
    );
    assert_eq!(names(&world), ["mixed"]);
    assert_eq!(
        world.warnings(),
        [
            "providers.json: providers.github-copilot.type: type `github-copilot` is not built yet, so the provider is left out",
            "providers.json: providers.future.protocols: `responses` is not built yet, so the provider is left out",
            "providers.json: providers.mixed.protocols: `responses` is not built yet and is passed over",
        ]
    );
}

#[test]
fn flags_beat_variables_beat_other_names_beat_the_file() {
    let mut world = World::new()
        .file("server.yaml", "listen: {port: 1}\nresilience: {circuitBreaker: {open: 1s}}\n")
        .env("CIRCUIT_BREAKER_RECOVERY_TIMEOUT_SECONDS", "7");
    assert_eq!(world.settings().server.resilience.circuit_breaker.open, Duration::from_secs(7));
    world = world.env("ROUTER_MAESTRO_RESILIENCE_CIRCUIT_BREAKER_OPEN", "8s").env("ROUTER_MAESTRO_LISTEN_PORT", "2");
    let settings = world.settings();
    assert_eq!(settings.server.resilience.circuit_breaker.open, Duration::from_secs(8));
    assert_eq!(settings.server.listen.port, 2);
    world.flags = vec![("listen.port".into(), "3".into()), ("listen.host".into(), "0.0.0.0".into())];
    let settings = world.settings();
    assert_eq!(settings.server.listen.port, 3);
    assert!(settings.server.listen.host.is_unspecified());
}

#[test]
fn every_kind_of_setting_can_come_from_the_environment() {
    let world = World::new()
        .env("ROUTER_MAESTRO_AUTH_ALLOWED_HOSTS", "a.example, b.example")
        .env("ROUTER_MAESTRO_LIMITS_CONNECTIONS", "50")
        .env("ROUTER_MAESTRO_LIMITS_BODY", "1MiB")
        .env("ROUTER_MAESTRO_LOG_LEVEL", "debug")
        .env("INGRESS_AUTH_REQUIRED", "off")
        .env("REDIS_URL", "redis://:planted@localhost")
        .env("ROUTER_MAESTRO_METRICS_TOKEN", "planted")
        .env("INGRESS_API_KEYS", "one, two,");
    let settings = world.settings();
    assert_eq!(settings.server.auth.allowed_hosts, ["a.example", "b.example"]);
    assert_eq!((settings.server.limits.connections, settings.server.limits.body), (Some(50), 1 << 20));
    assert_eq!(settings.server.logs.level.name(), "debug");
    assert!(!settings.server.auth.required);
    assert_eq!(settings.ingress_keys.len(), 2);
    assert!(!format!("{settings:?}").contains("planted"));
}

#[test]
fn the_listing_tells_where_every_value_came_from_and_no_secret() {
    let world = World::new()
        .file("server.yaml", "listen: {port: 9000}\ntelemetry: {metrics: {token: planted}}\n")
        .file("providers.json", r#"{"providers": {"openai": {"apiKey": "sk-planted"}}}"#)
        .env("ROUTER_MAESTRO_TIMEOUTS_CONNECT", "3s");
    let settings = world.settings();
    let find = |path: &str| {
        let setting = settings.listing.iter().find(|setting| setting.path == path).expect(path);
        let origin = match &setting.origin {
            Origin::File(path) => path.file_name().unwrap().to_string_lossy().into_owned(),
            other => other.to_string(),
        };
        format!("{} {origin}", setting.value)
    };
    assert_eq!(find("server.listen.port"), "9000 server.yaml");
    assert_eq!(find("server.timeouts.connect"), "\"3s\" $ROUTER_MAESTRO_TIMEOUTS_CONNECT");
    assert_eq!(find("server.timeouts.request"), "\"1h\" default");
    assert_eq!(find("server.telemetry.metrics.token"), "\"[redacted]\" server.yaml");
    assert_eq!(find("providers.openai.baseURL"), "\"https://api.openai.com/v1\" built-in catalogue");
    assert_eq!(find("providers.openai.accounts.default"), "\"[redacted]\" providers.json");
    assert_eq!(find("fallback.maxRetries"), "2 default");
    assert!(!format!("{settings:?}").contains("planted"));
}

#[test]
fn a_misspelt_variable_and_an_unknown_provider_are_worth_a_warning() {
    let world = World::new()
        .file("priorities.json", r#"{"priorities": ["opnai/gpt-5"]}"#)
        .env("OPENAI_API_KEY", "sk-o")
        .env("ROUTER_MAESTRO_LISTEN_PROT", "1");
    assert_eq!(
        world.warnings(),
        [
            "environment: ROUTER_MAESTRO_LISTEN_PROT: no setting has this variable, ignored; did you mean `ROUTER_MAESTRO_LISTEN_PORT`?",
            "priorities.json: priorities[0]: no provider `opnai` is available; did you mean `openai`?",
        ]
    );
}

#[test]
fn loose_modes_of_a_file_with_keys_are_worth_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new().file("providers.json", r#"{"providers": {"openai": {"apiKey": "sk-x"}}}"#);
    let mode =
        |mode| std::fs::set_permissions(world.path("providers.json"), std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    assert!(world.warnings()[0].contains("chmod 600"));
    mode(0o600);
    assert!(world.warnings().is_empty());
}

#[test]
fn a_vendor_under_another_name_keeps_its_quirks() {
    for vendor in rm_catalog::builtin().iter().filter(|vendor| !vendor.local && vendor.base_url.starts_with("https://"))
    {
        let entry = format!(
            r#"{{"providers": {{"acme": {{"type": "{}", "baseURL": "{}/", "apiKey": "k-1"}}}}}}"#,
            vendor.kind.name(),
            vendor.base_url
        );
        let world = World::new().file("providers.json", &entry);
        assert_eq!(world.settings().providers[0].base_url.as_str(), vendor.base_url, "{}", vendor.id);
    }
}

#[test]
fn every_built_in_vendor_needs_no_more_than_its_name() {
    for vendor in rm_catalog::builtin() {
        let entry = format!(r#"{{"providers": {{"{}": {{"apiKey": "k-1"}}}}}}"#, vendor.id);
        let world = World::new().file("providers.json", &entry);
        assert_eq!(world.settings().providers[0].base_url.as_str(), vendor.base_url, "{}", vendor.id);
    }
}

#[test]
fn every_server_setting_has_a_variable_of_its_own() {
    let variables = rm_config::variables();
    assert!(variables.contains(&("ROUTER_MAESTRO_TIMEOUTS_UPSTREAM_HEAD".into(), "timeouts.upstreamHead".into())));
    let mut names: Vec<_> = variables.iter().map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), variables.len());
}
