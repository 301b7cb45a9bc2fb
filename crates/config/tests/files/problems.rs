//! What is refused, and in which words.

use crate::world::World;

/// The problems of one file.
fn of(name: &str, content: &str) -> Vec<String> {
    World::new().file(name, content).problems()
}

/// The problems of one provider entry.
fn of_provider(entry: &str) -> Vec<String> {
    let problems = of("providers.json", &format!(r#"{{"providers": {{"acme": {entry}}}}}"#));
    problems.iter().map(|problem| problem.replace("providers.json: providers.acme.", "")).collect()
}

#[test]
fn every_problem_of_every_file_is_told_at_once() {
    let world = World::new()
        .file("server.yaml", "listn: {port: 1}\ntimeouts: {connect: soon}\nlimits: {head: 0}\n")
        .file("providers.json", r#"{"providers": {"a/b": {}, "acme": {"type": "opnai"}}}"#)
        .file("priorities.json", r#"{"priorities": ["bare"], "fallback": {"strategy": "prio"}}"#)
        .env("ROUTER_MAESTRO_LISTEN_PORT", "many");
    assert_eq!(
        world.problems(),
        [
            "server.yaml: listn: unknown key `listn`; did you mean `listen`?",
            "server.yaml: timeouts.connect: `soon` is no duration such as `6s`, `500ms`, `60min` or a number of seconds",
            "server.yaml: limits.head: 0 is out of range: must be at least 1",
            "priorities.json: fallback.strategy: `prio` is not known here; known: `priority`, `same-model`, `none`",
            "environment: ROUTER_MAESTRO_LISTEN_PORT: expected a whole number, found text",
            "providers.json: providers.\"a/b\": a provider's name must be 1 to 64 letters, digits, `.`, `_` or `-`, and begin with a letter or digit",
            "providers.json: providers.acme.type: unknown type `opnai`; did you mean `openai`?",
        ]
    );
}

#[test]
fn broken_files_are_named() {
    assert_eq!(
        of("providers.json", ""),
        ["providers.json: the file is empty; write `{}` for an empty configuration, or remove the file"]
    );
    assert_eq!(of("providers.json", "[]"), ["providers.json: the file must hold a map at its top"]);
    let half = of("providers.json", "{\"providers\": {\"a\":");
    assert!(half.len() == 1 && half[0].starts_with("providers.json: EOF") && half[0].contains("line 1"), "{half:?}");
    let twice = of("server.yaml", "listen: {}\nlisten: {}\n");
    assert!(twice.len() == 1 && twice[0].contains("server.yaml") && twice[0].contains("listen"), "{twice:?}");
    let both = World::new().file("providers.json", "{}").file("providers.yaml", "{}").problems();
    assert!(both[0].ends_with("providers.yaml holds the same section; keep one of them"), "{both:?}");
    let mut missing = World::new();
    missing.config_file = Some("nowhere.yaml");
    assert_eq!(missing.problems(), ["nowhere.yaml: there is no such file"]);
}

#[test]
fn types_and_ranges_of_the_server_file_are_checked() {
    let table = [
        ("listen: {port: 70000}", "listen.port: 70000 is out of range: must be from 0 to 65535"),
        ("listen: {port: '80'}", "listen.port: expected a whole number, found text"),
        (
            "listen: {host: example.com}",
            "listen.host: `example.com` is no IP address of this machine, such as 127.0.0.1 or 0.0.0.0",
        ),
        ("listen: 8080", "listen: expected a map, found a whole number"),
        ("auth: {required: 'no way'}", "auth.required: expected true or false, found text"),
        ("auth: {allowedHosts: a}", "auth.allowedHosts: expected a list, found text"),
        ("auth: {allowedHosts: [1]}", "auth.allowedHosts[0]: expected text, found a whole number"),
        ("limits: {jsonDepth: 500}", "limits.jsonDepth: 500 is out of range: must be from 1 to 64"),
        ("limits: {body: 1XB}", "limits.body: `1XB` is no size such as `32MiB`, `64KB` or a number of bytes"),
        ("timeouts: {connect: 0}", "timeouts.connect: must be longer than zero"),
        ("timeouts: {connect: 0s}", "timeouts.connect: `0s` must be longer than zero"),
        ("timeouts: {connect: -1}", "timeouts.connect: -1 is out of range: must be at least 0"),
        ("timeouts: {conect: 1s}", "timeouts.conect: unknown key `conect`; did you mean `connect`?"),
        (
            "timeouts: {first_event: 1s, firstEvent: 2s}",
            "timeouts.firstEvent: is another spelling of `firstEvent`, which stands here too",
        ),
        (
            "logs: {level: loud}",
            "logs.level: `loud` is not known here; known: `error`, `warn`, `info`, `debug`, `trace`",
        ),
        ("telemetry: {metrics: {token: ''}}", "telemetry.metrics.token: must not be empty"),
        (
            "resilience: {backoff: {min: 3s}}",
            "resilience.backoff.min: is longer than `resilience.backoff.max`; swap them",
        ),
        (
            "listen: {host: 0.0.0.0}\nauth: {required: false}",
            "auth.required: may be false on a loopback address only; listen on 127.0.0.1, or leave it true",
        ),
        ("configVersion: 2", "configVersion: 2 is out of range: must be from 1 to 1"),
    ];
    for (content, message) in table {
        assert_eq!(of("server.yaml", content), [format!("server.yaml: {message}")], "{content}");
    }
}

#[test]
fn a_problem_of_a_variable_or_a_flag_names_it() {
    let world = World::new().env("ROUTER_MAESTRO_LISTEN_HOST", "0.0.0.0").env("INGRESS_AUTH_REQUIRED", "false");
    assert!(
        world.problems()[0].starts_with("environment: INGRESS_AUTH_REQUIRED: may be false"),
        "{:?}",
        world.problems()
    );
    let mut world = World::new();
    world.flags = vec![("listen.port".into(), "x".into()), ("listen.prt".into(), "1".into())];
    assert_eq!(
        world.problems(),
        [
            "flags: listen.prt: there is no such setting; did you mean `listen.port`?",
            "flags: listen.port: expected a whole number, found text",
        ]
    );
}

#[test]
fn provider_entries_are_checked() {
    let base = r#""type": "openai-compatible", "baseURL": "https://llm.example.com""#;
    let with = |rest: &str| format!("{{{base}, {rest}}}");
    let table = [
        (
            "{}".to_owned(),
            "type: `acme` is no built-in provider; give `type` (for most vendors `openai-compatible`) and `baseURL`",
        ),
        (
            r#"{"type": "openai-compatible"}"#.to_owned(),
            "baseURL: is missing; give the base URL of `acme`, such as https://api.example.com/v1",
        ),
        (
            r#"{"type": "openai-compatible", "baseURL": "https://llm.example.com/v1/chat/completions"}"#.to_owned(),
            "baseURL: must end before `/chat/completions`: the gateway adds the operation itself",
        ),
        (
            r#"{"type": "openai-compatible", "baseURL": "http://10.0.0.9:8000"}"#.to_owned(),
            "baseURL: points at a private address; set `options.allowInsecure: true` if that is meant",
        ),
        (
            r#"{"type": "openai"}"#.to_owned(),
            "apiKeyEnv: there is no key; set the variable ACME_API_KEY, or give `apiKeyEnv` or `apiKeyFile`",
        ),
        (with(r#""apiKey": """#), "apiKey: must not be empty"),
        (with(r#""apiKey": "a b""#), "apiKey: the key holds spaces, line breaks or characters that no header may hold"),
        (
            with(r#""apiKeyEnv": "NOPE""#),
            "apiKeyEnv: the variable `NOPE` is not set; set it, or remove the provider or set its `enabled` to false",
        ),
        (
            with(r#""apiKeyEnv": "sk-pasted0key""#),
            "apiKeyEnv: this is not the name of a variable; to give the key itself use `apiKey`, or better put it into a variable or a file",
        ),
        (
            with(r#""apiKeyEnv": "AIzaPasted0key""#),
            "apiKeyEnv: the variable that is named here is not set; set it, or remove the provider or set its `enabled` to false",
        ),
        (
            with(r#""apiKey": "k", "apiKeyEnv": "NOPE""#),
            "apiKey: only one of `apiKey`, `apiKeyEnv`, `apiKeyFile` and `passthrough` may be given",
        ),
        (with(r#""protocols": ["chta"]"#), "protocols: unknown protocol `chta`; did you mean `chat`?"),
        (with(r#""protocols": []"#), "protocols: must name at least one protocol"),
        (with(r#""models": 7"#), "models: expected a list or a map, found a whole number"),
        (
            with(r#""models": ["a?b"]"#),
            "models.\"a?b\": is no model name: it must not be empty, longer than 256 bytes, or hold spaces at its ends, control characters or any of ?#%\\<>\"{}$;*",
        ),
        (with(r#""maxRetries": 11"#), "maxRetries: 11 is out of range: must be from 0 to 10"),
        (with(r#""maxRetries": "2""#), "maxRetries: expected a whole number, found text"),
        (with(r#""timeout": "0s""#), "timeout: `0s` must be longer than zero"),
        (with(r#""baesURL": "x""#), "baesURL: unknown key `baesURL`; did you mean `baseURL`?"),
        (
            with(r#""options": {"headers": {"Host": "x"}}"#),
            "options.headers.Host: is no header that may be set, or its value is none",
        ),
        (
            with(r#""accounts": [{"name": "a"}]"#),
            "accounts[0]: names no credential; give `apiKeyEnv`, `apiKeyFile` or `apiKey`",
        ),
        (
            with(r#""accounts": [{"apiKey": "k", "priority": 0}]"#),
            "accounts[0].priority: 0 is out of range: must be at least 1",
        ),
        (
            with(r#""accounts": [{"apiKey": "k", "nmae": "a"}]"#),
            "accounts[0].nmae: unknown key `nmae`; did you mean `name`?",
        ),
        (
            with(r#""accounts": [{"name": "a", "apiKey": "k1"}, {"name": "A", "apiKey": "k2"}]"#),
            "accounts[1].name: `A` is the name of two accounts",
        ),
        (
            with(r#""apiKey": "k", "accounts": [{"name": "a", "apiKey": "k1"}]"#),
            "accounts: stands beside a key of the provider itself; move the key into an account of its own",
        ),
    ];
    for (entry, message) in table {
        assert_eq!(of_provider(&entry), [message], "{entry}");
    }
}

#[test]
fn provider_names_are_checked() {
    let entry = r#"{"type": "openai-compatible", "baseURL": "https://llm.example.com"}"#;
    let reserved = of("providers.json", &format!(r#"{{"providers": {{"auto": {entry}}}}}"#));
    assert_eq!(reserved, ["providers.json: providers.auto: `auto` means a routing policy and cannot name a provider"]);
    let twice = of("providers.json", &format!(r#"{{"providers": {{"acme": {entry}, "Acme": {entry}}}}}"#));
    assert_eq!(twice, ["providers.json: providers.Acme: differs from another provider's name only in case"]);
}

#[test]
fn key_files_must_exist_and_hold_a_key() {
    let file = r#"{"providers": {"acme": {"type": "openai-compatible", "baseURL": "https://llm.example.com", "apiKeyFile": "acme.key"}}}"#;
    let world = World::new().file("providers.json", file);
    let problem = world.problems().remove(0);
    assert!(problem.starts_with("providers.json: providers.acme.apiKeyFile: there is no file"), "{problem}");
    let problem = world.file("acme.key", "\n").problems().remove(0);
    assert!(problem.ends_with("acme.key: the key is empty"), "{problem}");
}

#[test]
fn priority_lists_and_aliases_are_checked() {
    let table = [
        (
            r#"{"priorities": ["gpt-5"]}"#,
            "priorities[0]: `gpt-5` is no provider/model name; write the provider and a slash before the model",
        ),
        (r#"{"priorities": "a/b"}"#, "priorities: expected a list, found text"),
        (r#"{"fallback": {"maxRetries": 11}}"#, "fallback.maxRetries: 11 is out of range: must be from 0 to 10"),
        (r#"{"fallback": {"retries": 1}}"#, "fallback.retries: unknown key `retries`; did you mean `maxRetries`?"),
        (r#"{"aliases": {"a": "A"}}"#, "aliases.a: an alias must not name itself"),
        (r#"{"aliases": {"a": 1}}"#, "aliases.a: expected text, found a whole number"),
        (
            r#"{"groups": {"g": {"strategy": "shufle"}}}"#,
            "groups.g.strategy: `shufle` is not known here; did you mean `shuffle`?",
        ),
        (
            r#"{"thinking": {"defaultBudget": 10}}"#,
            "thinking.defaultBudget: 10 is out of range: must be from 1024 to 128000",
        ),
    ];
    for (content, message) in table {
        assert_eq!(of("priorities.json", content), [format!("priorities.json: {message}")], "{content}");
    }
}

#[test]
fn no_message_shows_a_secret() {
    let world = World::new()
        .file("providers.json", r#"{"providers": {"acme": {"type": "openai-compatible", "baseURL": "https://u:sk-planted@x.example", "apiKey": "sk planted"}}}"#)
        .file("contexts.json", r#"{"contexts": {"local": {"api_key": ["sk-planted"]}}}"#)
        .file("server.yaml", "stores: {redis: [planted]}\n");
    let problems = world.problems().join("\n");
    assert!(!problems.contains("planted"), "{problems}");
}

#[test]
fn a_key_that_was_pasted_where_a_variable_belongs_is_not_repeated() {
    for key in ["sk-pasted0key", "AIzaPasted0key", "0pasted"] {
        let entry = format!(r#"{{"providers": {{"acme": {{"type": "openai", "apiKeyEnv": "{key}"}}}}}}"#);
        let problems = World::new().file("providers.json", &entry).problems().join("\n");
        assert!(problems.contains("apiKeyEnv") && !problems.contains(key), "{problems}");
    }
}
