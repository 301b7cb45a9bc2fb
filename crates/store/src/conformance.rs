//! What every usage store must do, whatever its engine: each backend's tests hand an empty store to [`usage_store`].

use crate::{
    record::{AttemptRecord, Call, CostState, Ending, Lane, Outcome, Target, Tokens},
    usage::{UsageLine, UsageQuery, UsageStore},
};
use std::ops::Range;

/// Milliseconds between two rows of [`rows`].
const STEP_MS: i64 = 1_000;
const DAY_MS: i64 = 86_400_000;

/// A complete attempt; `number` decides its id and its time.
pub(crate) fn row(number: u32) -> AttemptRecord {
    AttemptRecord {
        request_id: format!("0199{number:08}").into(),
        attempt: 1,
        at_ms: i64::from(number) * STEP_MS,
        call: Call {
            client_protocol: "messages".into(),
            upstream_protocol: "chat".into(),
            lane: Lane::Translated,
            streamed: true,
            requested_model: "sonnet".into(),
        },
        target: Target {
            provider: "openai".into(),
            account: "default".into(),
            model: "gpt-5".into(),
            upstream_model: "gpt-5-2025-08-07".into(),
        },
        ending: Ending {
            outcome: Outcome::Ok,
            status: Some(200),
            error_code: None,
            cost: CostState::Certain,
            first_event_ms: Some(20),
            total_ms: 100,
        },
        tokens: Tokens { known: true, input: 10, cache_read: 4, cache_write: 2, output: 5, reasoning: 3 },
    }
}

pub(crate) fn rows(numbers: Range<u32>) -> Vec<AttemptRecord> {
    numbers.map(row).collect()
}

/// Runs the whole suite on an empty store.
pub(crate) async fn usage_store(mut store: impl UsageStore) {
    nothing_stored_sums_up_to_nothing(&store).await;
    batches_of_any_length_are_stored_once(&mut store).await;
    days_providers_and_models_are_told_apart(&mut store).await;
    only_the_asked_time_counts(&store).await;
}

async fn nothing_stored_sums_up_to_nothing(store: &impl UsageStore) {
    assert_eq!(store.summarise(&UsageQuery::ALL).await.unwrap().lines, []);
}

async fn batches_of_any_length_are_stored_once(store: &mut impl UsageStore) {
    assert_eq!(store.append(&[]).await.unwrap(), 0);
    assert_eq!(store.append(&rows(0..1)).await.unwrap(), 1);
    assert_eq!(store.append(&rows(0..171)).await.unwrap(), 170);
    assert_eq!(store.append(&rows(0..171)).await.unwrap(), 0);
    let second = AttemptRecord { attempt: 2, ..row(0) };
    assert_eq!(store.append(&[second]).await.unwrap(), 1);
    assert_eq!(store.summarise(&UsageQuery::ALL).await.unwrap().attempts(), 172);
}

async fn days_providers_and_models_are_told_apart(store: &mut impl UsageStore) {
    let mut other = row(1_000);
    other.target.provider = "anthropic".into();
    other.ending = Ending { outcome: Outcome::Failed, error_code: Some("upstream_refused".into()), ..other.ending };
    let next_day = AttemptRecord { at_ms: DAY_MS, ..row(1_001) };
    store.append(&[other, next_day]).await.unwrap();
    let lines = store.summarise(&UsageQuery::ALL).await.unwrap().lines;
    let line = |day, provider: &str, attempts, ok| UsageLine {
        day,
        provider: provider.into(),
        model: "gpt-5".into(),
        attempts,
        ok,
        input_tokens: attempts * 10,
        cache_read_tokens: attempts * 4,
        cache_write_tokens: attempts * 2,
        output_tokens: attempts * 5,
        reasoning_tokens: attempts * 3,
        total_ms: attempts * 100,
    };
    assert_eq!(lines, [line(1, "openai", 1, 1), line(0, "anthropic", 1, 0), line(0, "openai", 172, 172)]);
}

async fn only_the_asked_time_counts(store: &impl UsageStore) {
    let ten_rows = UsageQuery { from_ms: 10 * STEP_MS, until_ms: 20 * STEP_MS, utc_offset_ms: 0 };
    assert_eq!(store.summarise(&ten_rows).await.unwrap().attempts(), 10);
    let a_day_ahead = UsageQuery { utc_offset_ms: DAY_MS, ..ten_rows };
    assert_eq!(store.summarise(&a_day_ahead).await.unwrap().lines[0].day, 1);
}
