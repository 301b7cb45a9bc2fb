//! Which candidates a request gets, in which order.

use crate::world::{account, four_in_a_list, label, plan, provider, with_strategy};
use rm_protocol::Protocol;
use rm_routing::{Ask, NoRoute, RouteSpec, RouteTable, Strategy, WhyRejected};

/// Two providers of model `m`, one of another; `m` of the second is in the list, before the other.
fn mixed() -> RouteSpec {
    RouteSpec {
        providers: vec![provider("one", &["m", "alone"]), provider("two", &["m"]), provider("other", &["n", "m"])],
        priorities: vec!["two/m".to_owned(), "other/n".to_owned()],
        ..RouteSpec::default()
    }
}

#[test]
fn the_entries_follow_the_strategy() {
    let table: &[(Strategy, &str, &[&str])] = &[
        (Strategy::Priority, "router-maestro", &["two/m", "other/n"]),
        (Strategy::Priority, "m", &["two/m", "other/n"]),
        (Strategy::Priority, "two/m", &["two/m", "other/n"]),
        (Strategy::Priority, "other/n", &["other/n"]),
        (Strategy::Priority, "one/m", &["one/m"]),
        (Strategy::Priority, "alone", &["one/alone"]),
        (Strategy::SameModel, "router-maestro", &["two/m", "one/m", "other/m"]),
        (Strategy::SameModel, "one/m", &["one/m", "two/m", "other/m"]),
        (Strategy::SameModel, "m", &["two/m", "one/m", "other/m"]),
        (Strategy::SameModel, "other/n", &["other/n"]),
        (Strategy::None, "router-maestro", &["two/m"]),
        (Strategy::None, "m", &["two/m"]),
        (Strategy::None, "one/m", &["one/m"]),
    ];
    for (strategy, name, expected) in table {
        assert_eq!(plan(with_strategy(mixed(), *strategy), name), *expected, "{strategy:?} {name}");
    }
}

#[test]
fn a_bare_name_outside_the_list_may_go_to_every_provider_that_has_it() {
    let mut spec = mixed();
    spec.priorities = vec!["other/n".to_owned()];
    assert_eq!(plan(spec, "m"), ["one/m", "two/m", "other/m"]);
}

#[test]
fn accounts_of_one_entry_stand_together_by_priority_then_weight() {
    let mut spec = mixed();
    let mut heavy = account("heavy", 1);
    heavy.weight = 5;
    spec.providers[1].accounts = vec![account("last", 2), account("light", 1), heavy];
    assert_eq!(plan(spec.clone(), "m"), ["two/m@heavy", "two/m@light", "two/m@last", "other/n"]);

    let table = RouteTable::new(spec);
    let plan = table.plan(&Ask::new(Some("m"), Protocol::Chat)).unwrap();
    assert_eq!(plan.candidates.iter().map(|candidate| candidate.entry).collect::<Vec<_>>(), [0, 0, 0, 1]);
}

#[test]
fn an_empty_list_is_the_first_model_and_nothing_after_it() {
    let spec = RouteSpec { priorities: Vec::new(), ..mixed() };
    assert_eq!(plan(spec.clone(), "router-maestro"), ["one/m"]);
    assert_eq!(plan(RouteSpec { priorities: vec!["gone/x".to_owned()], ..spec }, "auto"), ["one/m"]);
}

#[test]
fn a_client_that_refuses_fallbacks_gets_one_account_of_one_entry() {
    let mut spec = four_in_a_list();
    spec.providers[0].accounts.push(account("second", 2));
    let table = RouteTable::new(spec);
    let ask = Ask { allow_fallbacks: false, ..Ask::new(Some("router-maestro"), Protocol::Chat) };
    let plan = table.plan(&ask).unwrap();
    assert_eq!((plan.candidates.len(), plan.fallback_max), (1, 0));
}

#[test]
fn a_native_mount_keeps_only_providers_that_speak_its_protocol() {
    let mut spec = mixed();
    spec.providers[2].protocols = vec![Protocol::Messages];
    spec.providers[0].protocols = vec![Protocol::Chat, Protocol::Messages];
    let table = RouteTable::new(spec);
    let native = |model| Ask { native_only: true, ..Ask::new(Some(model), Protocol::Messages) };

    let plan = table.plan(&native("m")).unwrap();
    assert_eq!(
        plan.candidates.iter().map(|candidate| label(&table, candidate)).collect::<Vec<_>>(),
        ["one/m", "other/m"]
    );
    assert!(plan.candidates.iter().all(|candidate| candidate.protocol == Protocol::Messages));
    assert_eq!(plan.rejected[0].why, WhyRejected::NotNative);

    assert!(
        matches!(table.plan(&native("two/m")), Err(NoRoute::NotNative { .. })),
        "a named model is never replaced unasked"
    );
    assert_eq!(table.plan(&native("router-maestro")).unwrap().candidates.len(), 1);
}

#[test]
fn a_candidate_speaks_the_clients_protocol_where_it_can() {
    let mut spec = mixed();
    spec.providers[0].protocols = vec![Protocol::Chat, Protocol::Messages];
    let table = RouteTable::new(spec);
    let lane = |model, protocol| table.plan(&Ask::new(Some(model), protocol)).unwrap().candidates[0].protocol;
    assert_eq!(lane("one/m", Protocol::Messages), Protocol::Messages);
    assert_eq!(lane("one/m", Protocol::Chat), Protocol::Chat);
    assert_eq!(lane("two/m", Protocol::Messages), Protocol::Chat);
}

#[test]
fn a_provider_without_account_is_left_out_and_named_when_nothing_else_is_there() {
    let mut spec = mixed();
    spec.providers[1].accounts.clear();
    assert_eq!(plan(spec.clone(), "router-maestro"), ["other/n"]);
    assert_eq!(plan(spec.clone(), "m"), ["one/m", "other/m"]);
    let error = RouteTable::new(spec).plan(&Ask::new(Some("two/m"), Protocol::Chat)).unwrap_err();
    assert_eq!(error, NoRoute::NoAccount { requested: "two/m".into(), provider: "two".into() });
}
