//! What names mean.

use crate::world::provider;
use rm_protocol::{ErrorView, Protocol};
use rm_routing::{Ask, ListedKind, NoRoute, RouteSpec, RouteTable};

fn table() -> RouteTable {
    let mut openrouter = provider("OpenRouter", &["openai/gpt-4.1", "anthropic/claude-sonnet-4.5"]);
    openrouter.mapping = [("house".to_owned(), "meta/llama-3".to_owned())].into();
    RouteTable::new(RouteSpec {
        providers: vec![
            openrouter,
            provider(
                "anthropic",
                &["claude-opus-4-6-20250401", "claude-opus-4-6-20250617", "claude-sonnet-4-5-20250929"],
            ),
            provider("copilot", &["claude-opus-4.6", "gpt-4o", "gpt-4o-mini", "shared"]),
            provider("lab", &["gpt-4.1", "gpt-4-1", "shared"]),
            provider("open", &[]),
        ],
        priorities: vec!["lab/shared".to_owned()],
        aliases: [
            ("fast", "haiku"),
            ("haiku", "copilot/gpt-4o-mini"),
            ("gpt-4o", "lab/shared"),
            ("openai/gpt-4.1", "lab/shared"),
            ("openai/house", "OpenRouter/house"),
            ("loop-a", "loop-b"),
            ("loop-b", "loop-a"),
            ("lost", "nowhere/at-all"),
            ("best", "router-maestro"),
        ]
        .map(|(alias, target)| (alias.to_owned(), target.to_owned()))
        .into(),
        ..RouteSpec::default()
    })
}

#[test]
fn a_name_means_one_place_and_says_how_it_was_found() {
    let table = table();
    for (name, provider, upstream, source) in [
        ("copilot/gpt-4o", "copilot", "gpt-4o", "pinned"),
        ("COPILOT/gpt-4o", "copilot", "gpt-4o", "pinned"),
        ("gpt-4o", "copilot", "gpt-4o", "bare"), // the alias of that name is shadowed: exact wins
        ("shared", "lab", "shared", "bare"),     // listed by copilot first, but lab's is in the priority list
        ("openrouter/openai/gpt-4.1", "OpenRouter", "openai/gpt-4.1", "pinned"),
        ("openai/gpt-4.1", "OpenRouter", "openai/gpt-4.1", "bare"), // again before the alias
        ("openai/house", "OpenRouter", "meta/llama-3", "alias"),
        ("house", "OpenRouter", "meta/llama-3", "bare"), // a mapped name is a name
        ("OpenAI/GPT 4.1", "OpenRouter", "openai/gpt-4.1", "fuzzy"), // no provider of that name, but an id
        ("FAST", "copilot", "gpt-4o-mini", "alias"),
        ("fast", "copilot", "gpt-4o-mini", "alias"),
        ("copilot/fast", "copilot", "gpt-4o-mini", "alias"),
        ("Opus 4.6", "anthropic", "claude-opus-4-6-20250617", "fuzzy"),
        ("opus-4-6", "anthropic", "claude-opus-4-6-20250617", "fuzzy"),
        ("claude-opus-4-6-20250401", "anthropic", "claude-opus-4-6-20250401", "bare"),
        ("claude-sonnet-4.5", "anthropic", "claude-sonnet-4-5-20250929", "fuzzy"),
        ("anthropic/sonnet-4-5", "anthropic", "claude-sonnet-4-5-20250929", "fuzzy"),
        ("copilot/Opus 4.6", "copilot", "claude-opus-4.6", "fuzzy"),
        ("copilot/claude-opus-4-6-20250617", "copilot", "claude-opus-4.6", "fuzzy"),
        ("claude-via-gpt-4o", "copilot", "gpt-4o", "alias"),
        ("gpt-4o[1m]", "copilot", "gpt-4o", "bare"),
        ("open/Whatever:7b", "open", "Whatever:7b", "forwarded"),
        ("open/a/b", "open", "a/b", "forwarded"),
        ("router-maestro", "lab", "shared", "priorities"),
        ("auto", "lab", "shared", "priorities"),
        ("auto:cost", "lab", "shared", "priorities"),
        ("best", "lab", "shared", "priorities"),
    ] {
        let resolved = table.resolve(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            (resolved.provider_id.as_str(), &*resolved.upstream_model, resolved.source.name()),
            (provider, upstream, source),
            "{name}"
        );
        assert_eq!(table.providers()[resolved.provider].id, resolved.provider_id);
    }
}

#[test]
fn an_alias_of_the_bare_rest_that_fails_or_leads_elsewhere_does_not_hide_a_pinned_name() {
    for leads_to in ["gone/x", "gpt-4o", "other/y", "a b?"] {
        let table = RouteTable::new(RouteSpec {
            providers: vec![provider("openai", &[]), provider("other", &["y"])],
            aliases: [("gpt-4o".to_owned(), leads_to.to_owned())].into(),
            ..RouteSpec::default()
        });
        let resolved = table.resolve("openai/gpt-4o").unwrap_or_else(|error| panic!("{leads_to}: {error}"));
        assert_eq!((resolved.provider_id.as_str(), &*resolved.upstream_model), ("openai", "gpt-4o"), "{leads_to}");
    }
}

#[test]
fn a_name_that_means_nothing_is_a_404_and_never_a_guess() {
    let table = table();
    for name in [
        "gpt-4",
        "gpt-4o-min",
        "copilot/claude-sonnet-4.5",
        "anthropic/gpt-4o",
        "copilot/shard",
        "unknown/gpt-4o",
        "lost",
    ] {
        let view = ErrorView::from(table.resolve(name).unwrap_err());
        assert_eq!((view.status.as_u16(), view.code), (404, "model_not_found"), "{name}: {}", view.message);
    }
    assert!(
        matches!(table.resolve("unknown/gpt-4o"), Err(NoRoute::UnknownProvider { provider, .. }) if provider == "unknown")
    );
    let Err(NoRoute::UnknownModel { suggestions, .. }) = table.resolve("copilot/gpt-4-o") else {
        panic!("not unknown")
    };
    assert_eq!(suggestions[..2], ["copilot/gpt-4o", "copilot/gpt-4o-mini"]);
}

#[test]
fn equal_claims_are_a_400_with_the_choices() {
    let table = table();
    for name in ["GPT 4.1", "lab/gpt 4.1"] {
        let Err(NoRoute::Ambiguous { choices, .. }) = table.resolve(name) else { panic!("{name} is not ambiguous") };
        assert_eq!(choices, ["lab/gpt-4.1", "lab/gpt-4-1"], "{name}");
    }
}

#[test]
fn bad_names_and_alias_loops_are_refused() {
    let table = table();
    for name in ["gpt?5", "gpt\n", "\n", "a".repeat(257).as_str(), "open/", "/x", "open/x*"] {
        assert_eq!(ErrorView::from(table.resolve(name).unwrap_err()).status.as_u16(), 400, "{name:?}");
    }
    assert!(matches!(table.resolve("loop-a"), Err(NoRoute::AliasLoop { .. })));
}

#[test]
fn an_empty_name_means_the_list_on_chat_and_is_refused_on_messages() {
    let table = table();
    for model in [None, Some(""), Some("  ")] {
        assert!(table.plan(&Ask::new(model, Protocol::Chat)).is_ok());
        let error = table.plan(&Ask::new(model, Protocol::Messages)).unwrap_err();
        assert_eq!(ErrorView::from(error).status.as_u16(), 400);
    }
}

#[test]
fn openrouter_auto_is_the_list_only_while_no_provider_has_that_name() {
    let with = RouteTable::new(RouteSpec { providers: vec![provider("openrouter", &[])], ..RouteSpec::default() });
    assert_eq!(with.resolve("openrouter/auto").unwrap().source.name(), "forwarded");
    let without = RouteTable::new(RouteSpec { providers: vec![provider("x", &["m"])], ..RouteSpec::default() });
    assert_eq!(without.resolve("openrouter/auto").unwrap().source.name(), "first-available");
}

#[test]
fn an_unlisted_bare_name_goes_to_the_only_provider_if_its_models_are_not_known() {
    let sole = RouteSpec { providers: vec![provider("ollama", &[])], ..RouteSpec::default() };
    assert_eq!(RouteTable::new(sole).resolve("llama3:8b").unwrap().source.name(), "forwarded");

    let two = RouteSpec { providers: vec![provider("x", &["m"]), provider("ollama", &[])], ..RouteSpec::default() };
    let Err(NoRoute::UnknownModel { suggestions, .. }) = RouteTable::new(two).resolve("llama3:8b") else {
        panic!("guessed")
    };
    assert_eq!(suggestions, ["ollama/llama3:8b"]);

    let mut discovered = provider("ollama", &["llama3:8b"]);
    discovered.open = true;
    let table = RouteTable::new(RouteSpec { providers: vec![discovered], ..RouteSpec::default() });
    assert!(table.resolve("mistral").is_err(), "its models are known and this is none of them");
    assert_eq!(table.resolve("ollama/mistral").unwrap().source.name(), "forwarded");
}

#[test]
fn an_open_provider_is_asked_for_the_very_date_that_was_written() {
    let mut open = provider("anthropic", &["claude-haiku-4-5"]);
    open.open = true;
    let table = RouteTable::new(RouteSpec { providers: vec![open], ..RouteSpec::default() });
    let dated = table.resolve("anthropic/claude-haiku-4-5-20251001").unwrap();
    assert_eq!((&*dated.upstream_model, dated.source.name()), ("claude-haiku-4-5-20251001", "forwarded"));
    assert_eq!(&*table.resolve("anthropic/Haiku 4.5").unwrap().upstream_model, "claude-haiku-4-5");
}

#[test]
fn nothing_configured_is_a_503_that_says_what_to_do() {
    let empty = RouteTable::new(RouteSpec::default());
    for name in ["router-maestro", "gpt-5", "openai/gpt-5"] {
        let view = ErrorView::from(empty.plan(&Ask::new(Some(name), Protocol::Chat)).unwrap_err());
        assert_eq!((view.status.as_u16(), view.message.contains("OPENAI_API_KEY")), (503, true), "{name}");
    }
    let no_models = RouteTable::new(RouteSpec { providers: vec![provider("open", &[])], ..RouteSpec::default() });
    assert_eq!(no_models.plan(&Ask::new(None, Protocol::Chat)).unwrap_err(), NoRoute::NoModel);
}

#[test]
fn the_listing_starts_with_the_priority_list_and_ends_with_aliases() {
    let table = table();
    let names: Vec<_> = table.listed().map(|listed| &*listed.name).collect();
    assert_eq!(
        names[..5],
        [
            "lab/shared",
            "OpenRouter/anthropic/claude-sonnet-4.5",
            "OpenRouter/house",
            "OpenRouter/openai/gpt-4.1",
            "anthropic/claude-opus-4-6-20250617"
        ]
    );
    assert_eq!(names.iter().filter(|name| **name == "lab/shared").count(), 1);
    assert!(!names.contains(&"router-maestro") && !names.contains(&"auto"));
    assert!(matches!(table.listed().last().unwrap().kind, ListedKind::Alias { .. }));
    let listed: Vec<_> = table.listed().filter(|listed| matches!(listed.kind, ListedKind::Model { .. })).collect();
    assert!(listed.iter().all(|listed| table.resolve(&listed.name).is_ok()), "every listed model can be asked for");
}

#[test]
fn entries_of_the_list_that_mean_nothing_are_left_out_and_reported() {
    let spec = RouteSpec {
        providers: vec![provider("a", &["m"])],
        priorities: ["gone/m", "a/m", "A/M", "a/nope", "router-maestro"].map(str::to_owned).into(),
        ..RouteSpec::default()
    };
    let table = RouteTable::new(spec);
    let left_out: Vec<_> = table.unresolved_priorities().iter().map(|entry| &*entry.name).collect();
    assert_eq!(left_out, ["gone/m", "a/nope", "router-maestro"]);
    assert_eq!(table.listed().count(), 1);
}
