//! What holds for every table and every run of failures.

use crate::world::{Reply, account, drive, label, provider};
use proptest::prelude::*;
use rm_protocol::Protocol;
use rm_routing::{Ask, FailoverPolicy, RouteSpec, RouteTable, Strategy as Fallbacks};
use std::{collections::HashMap, time::Duration};

fn specs() -> impl Strategy<Value = RouteSpec> {
    let providers = proptest::collection::vec((0_usize..4, 1_u32..4, 0_u32..4), 1..5);
    let strategy = prop_oneof![Just(Fallbacks::Priority), Just(Fallbacks::SameModel), Just(Fallbacks::None)];
    (providers, proptest::collection::vec((0_usize..5, 0_usize..4), 0..6), strategy, 0_u32..5).prop_map(
        |(shapes, list, strategy, max_retries)| {
            let mut spec = RouteSpec::default();
            for (at, (models, accounts, repeats)) in shapes.into_iter().enumerate() {
                let names: Vec<String> = (0..=models).map(|n| format!("m{n}")).collect();
                let mut route = provider(&format!("p{at}"), &names.iter().map(String::as_str).collect::<Vec<_>>());
                route.accounts = (1..=accounts).map(|n| account(&format!("k{n}"), n)).collect();
                route.max_retries = repeats;
                spec.providers.push(route);
            }
            spec.priorities = list.into_iter().map(|(provider, model)| format!("p{provider}/m{model}")).collect();
            spec.fallback.strategy = strategy;
            spec.fallback.max_retries = max_retries;
            spec
        },
    )
}

fn replies() -> impl Strategy<Value = Reply> {
    prop_oneof![
        6 => prop_oneof![Just(429), Just(500), Just(503), Just(529)].prop_map(Reply::Status),
        2 => (Just(429_u16), 0_u64..9).prop_map(|(status, seconds)| Reply::Later(status, seconds)),
        2 => prop_oneof![Just(401), Just(403)].prop_map(Reply::Status),
        1 => Just(Reply::Broken),
        1 => Just(Reply::Status(400)),
        1 => Just(Reply::Good),
    ]
}

const NAMES: &[&str] = &["router-maestro", "m0", "m1", "p0/m0", "p1/m0", "P0/M0"];

proptest! {
    #[test]
    fn a_run_keeps_all_its_bounds(
        spec in specs(),
        name in proptest::sample::select(NAMES),
        script in proptest::collection::vec(replies(), 1..20),
        limit in 0_u64..20_000,
        max_upstream_calls in 0_u32..13,
    ) {
        let table = RouteTable::new(spec.clone());
        let Ok(plan) = table.plan(&Ask::new(Some(name), Protocol::Chat)) else { return Ok(()) };
        let policy = FailoverPolicy { max_upstream_calls, ..FailoverPolicy::default() };
        let mut given = script.iter().copied().cycle();
        let limit = Duration::from_millis(limit);
        let story = drive(&table, &plan, policy, limit, &mut |_| true, &mut |_, _| given.next().unwrap());

        prop_assert!(story.calls.len() <= max_upstream_calls as usize);
        let waited: Duration = story.waits.iter().sum();
        let before_last = crate::world::CALL * u32::try_from(story.calls.len().saturating_sub(1)).unwrap() + waited;
        prop_assert!(story.calls.is_empty() || before_last < limit, "a call at {before_last:?} of {limit:?}");

        let mut repeats: HashMap<usize, u32> = HashMap::new();
        let places: HashMap<String, usize> =
            plan.candidates.iter().enumerate().map(|(at, candidate)| (label(&table, candidate), at)).collect();
        let walked: Vec<usize> = story.calls.iter().map(|call| places[call]).collect();
        for pair in walked.windows(2) {
            prop_assert!(pair[1] >= pair[0], "the walk only goes forward: {walked:?}");
            if pair[0] == pair[1] {
                *repeats.entry(plan.candidates[pair[0]].provider).or_default() += 1;
            }
        }
        for (provider, count) in repeats {
            prop_assert!(count <= table.providers()[provider].max_retries);
        }
    }

    #[test]
    fn the_same_question_has_the_same_plan_and_no_candidate_stands_in_it_twice(
        spec in specs(),
        name in proptest::sample::select(NAMES),
    ) {
        let ask = Ask::new(Some(name), Protocol::Chat);
        let (one, two) = (RouteTable::new(spec.clone()).plan(&ask), RouteTable::new(spec).plan(&ask));
        prop_assert_eq!(&one, &two);
        if let Ok(plan) = one {
            for (at, candidate) in plan.candidates.iter().enumerate() {
                let same = |other: &&rm_routing::Candidate| {
                    (other.provider, other.account, &other.model) == (candidate.provider, candidate.account, &candidate.model)
                };
                prop_assert_eq!(plan.candidates.iter().skip(at).filter(same).count(), 1);
            }
        }
    }

    #[test]
    fn no_name_panics(name in "\\PC{0,64}") {
        let spec = RouteSpec { providers: vec![provider("p", &["m"]), provider("open", &[])], ..RouteSpec::default() };
        let table = RouteTable::new(spec);
        let _ = table.resolve(&name);
        let _ = table.plan(&Ask::new(Some(&name), Protocol::Chat));
    }
}
