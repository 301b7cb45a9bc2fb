//! The number examples of the systems that this one unites.

use crate::world::{Reply, account, four_in_a_list, provider, run, with_strategy};
use rm_routing::{RouteSpec, Strategy};
use std::time::Duration;

fn failing<'a>(labels: &'a [(&'a str, u16)]) -> impl FnMut(&str, usize) -> Reply + 'a {
    |label, _| {
        labels.iter().find(|(failing, _)| *failing == label).map_or(Reply::Good, |(_, status)| Reply::Status(*status))
    }
}

#[test]
fn rm_a_and_b_answer_503_and_c_serves() {
    let story = run(four_in_a_list(), "router-maestro", &mut failing(&[("a/model-a", 503), ("b/model-b", 503)]));
    assert_eq!(story.calls, ["a/model-a", "b/model-b", "c/model-c"]);
    assert!(story.gave_up.is_none());
}

#[test]
fn rm_two_further_candidates_are_tried_and_d_is_not() {
    let story = run(four_in_a_list(), "router-maestro", &mut |_, _| Reply::Status(503));
    assert_eq!(story.calls, ["a/model-a", "b/model-b", "c/model-c"]);
    assert_eq!(story.status(), Some(503));
}

#[test]
fn rm_an_explicit_model_in_the_list_goes_on_to_the_entries_after_it() {
    for name in ["b/model-b", "model-b", "B/model-b", "Model B"] {
        let story = run(four_in_a_list(), name, &mut failing(&[("b/model-b", 503)]));
        assert_eq!(story.calls, ["b/model-b", "c/model-c"], "{name}");
    }
}

#[test]
fn rm_an_explicit_model_outside_the_list_is_called_exactly_once() {
    let mut spec = four_in_a_list();
    spec.providers.push(provider("x", &["model-x"]));
    for name in ["x/model-x", "model-x"] {
        let story = run(spec.clone(), name, &mut |_, _| Reply::Status(503));
        assert_eq!((story.calls.as_slice(), story.status()), (&["x/model-x".to_owned()][..], Some(503)), "{name}");
    }
}

#[test]
fn rm_strategy_none_is_one_call() {
    for name in ["router-maestro", "b/model-b", "model-b"] {
        let story = run(with_strategy(four_in_a_list(), Strategy::None), name, &mut |_, _| Reply::Status(503));
        assert_eq!((story.calls.len(), story.status()), (1, Some(503)), "{name}");
    }
}

#[test]
fn rm_a_400_is_one_call_and_529_falls_back() {
    for (status, calls) in
        [(400, 1), (404, 1), (408, 1), (413, 1), (422, 1), (501, 1), (529, 2), (429, 2), (500, 2), (502, 2), (504, 2)]
    {
        let story = run(four_in_a_list(), "router-maestro", &mut failing(&[("a/model-a", status)]));
        assert_eq!(story.calls.len(), calls, "{status}");
    }
}

#[test]
fn rm_the_last_status_is_returned_when_all_fail() {
    let mut script = failing(&[("a/model-a", 500), ("b/model-b", 529), ("c/model-c", 429)]);
    assert_eq!(run(four_in_a_list(), "router-maestro", &mut script).status(), Some(429));
}

#[test]
fn rm_a_fatal_failure_of_a_fallback_stops_before_the_third() {
    let story = run(four_in_a_list(), "router-maestro", &mut failing(&[("a/model-a", 503), ("b/model-b", 400)]));
    assert_eq!((story.calls.len(), story.status()), (2, Some(400)));
}

/// Two providers of one type with the same model, as LAR knows them.
fn lar(max_retries: u32) -> RouteSpec {
    let mut spec =
        RouteSpec { providers: vec![provider("first", &["m"]), provider("second", &["m"])], ..RouteSpec::default() };
    spec.providers[0].max_retries = max_retries;
    spec
}

#[test]
fn lar_a_500_with_one_retry_is_two_calls_and_then_the_next_provider() {
    let story = run(lar(1), "m", &mut failing(&[("first/m", 500)]));
    assert_eq!(story.calls, ["first/m", "first/m", "second/m"]);
    assert_eq!(story.waits.len(), 1, "only the repeat waits");
    assert!((Duration::from_millis(100)..=Duration::from_secs(2)).contains(&story.waits[0]));
}

#[test]
fn lar_a_401_or_429_is_one_call_and_then_the_next_provider() {
    for status in [401, 403, 429] {
        let story = run(lar(3), "m", &mut failing(&[("first/m", status)]));
        assert_eq!(story.calls, ["first/m", "second/m"], "{status}");
        assert_eq!(story.waits, [Duration::ZERO; 0]);
    }
}

#[test]
fn lar_providers_as_accounts_are_tried_by_priority() {
    let mut spec = RouteSpec { providers: vec![provider("openai", &["m"])], ..RouteSpec::default() };
    spec.providers[0].accounts = vec![account("backup", 2), account("main", 1)];
    let story = run(spec, "openai/m", &mut failing(&[("openai/m@main", 401)]));
    assert_eq!(story.calls, ["openai/m@main", "openai/m@backup"]);
}

#[test]
fn lar_the_mapped_name_is_what_the_upstream_gets() {
    let mut spec = lar(0);
    spec.providers[1].mapping = [("m".to_owned(), "deployment-7".to_owned())].into();
    let table = rm_routing::RouteTable::new(spec);
    let plan = table.plan(&rm_routing::Ask::new(Some("m"), rm_protocol::Protocol::Chat)).unwrap();
    let upstream: Vec<_> = plan.candidates.iter().map(|candidate| &*candidate.upstream_model).collect();
    assert_eq!(upstream, ["m", "deployment-7"]);
}
