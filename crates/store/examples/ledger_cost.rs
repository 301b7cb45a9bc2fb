//! What one row costs the process that records it: CPU time from `/proc/self`, all threads, at a steady rate.
//! Building the record is left out: the caller pays for it.
//!
//! `cargo run --release -p rm-store --example ledger_cost -- [rows per second] [seconds]`

use rm_store::{AttemptRecord, Call, CostState, Ending, Lane, Ledger, Outcome, Target, Tokens};
use std::{fs, io, sync::Arc, thread, time::Duration};

/// Few, so that the clock's own cost does not hide what is measured.
const TICKS_PER_SECOND: u32 = 100;

fn main() -> io::Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<u32>().ok());
    let (rate, seconds) = (numbers.next().unwrap_or(20_000), numbers.next().unwrap_or(3));
    let rows = rate * seconds;
    let runtime = tokio::runtime::Runtime::new()?;
    let folder = tempfile::tempdir()?;
    let ledger = runtime.block_on(async { Ledger::open(&folder.path().join("ledger.db")) });
    let mut number = 0;
    let mut record = || {
        ledger.record(row(number));
        number += 1;
    };
    // Fills caches and prepares statements.
    cpu_of(rate, rate, &mut record)?;
    let idle = cpu_of(rate, rows, || drop(row(0)))?;
    let cost = cpu_of(rate, rows, &mut record)?;
    runtime.block_on(ledger.close());
    println!("{:?}", ledger.stats());
    println!("{:.2} us of CPU per row at {rate} rows/s", (cost - idle) * 1e6 / f64::from(rows));
    Ok(())
}

/// CPU seconds that pass in this process while `each` is called `rows` times at `rate` a second.
fn cpu_of(rate: u32, rows: u32, mut each: impl FnMut()) -> io::Result<f64> {
    let per_tick = (rate / TICKS_PER_SECOND).max(1);
    let before = cpu_seconds()?;
    for number in 0..rows {
        if number % per_tick == 0 {
            thread::sleep(Duration::from_secs(1) / TICKS_PER_SECOND);
        }
        each();
    }
    // The last batch.
    thread::sleep(Duration::from_millis(200));
    Ok(cpu_seconds()? - before)
}

fn row(number: u32) -> AttemptRecord {
    let text = |text: &str| -> Arc<str> { text.into() };
    AttemptRecord {
        request_id: format!("01990d3c-7d2e-7000-8000-{number:012}").into(),
        attempt: 1,
        at_ms: 1_757_000_000_000 + i64::from(number),
        call: Call {
            client_protocol: "messages".into(),
            upstream_protocol: "chat".into(),
            lane: Lane::Translated,
            streamed: true,
            requested_model: text("claude-sonnet-4-5"),
        },
        target: Target {
            provider: "openai".into(),
            account: "default".into(),
            model: text("gpt-5"),
            upstream_model: text("gpt-5-2025-08-07"),
        },
        ending: Ending {
            outcome: Outcome::Ok,
            status: Some(200),
            error_code: None,
            cost: CostState::Certain,
            first_event_ms: Some(412),
            total_ms: 5_310,
        },
        tokens: Tokens { known: true, input: 1_200, cache_read: 1_000, cache_write: 0, output: 340, reasoning: 120 },
    }
}

/// CPU time of all living threads of this process.
fn cpu_seconds() -> io::Result<f64> {
    let mut nanoseconds = 0.0;
    for thread in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += text.split(' ').next().and_then(|first| first.parse::<f64>().ok()).unwrap_or(0.0);
    }
    Ok(nanoseconds / 1e9)
}
