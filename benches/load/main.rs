//! Measures the server under load, next to its lower bounds, in one run: how soon a tap on the phone reaches the
//! waiting page, sign-ons per second and what each costs, memory, and whether many registered phones slow the server
//! down. Linux only.
//!
//! `cargo bench --bench load` runs everything in about three minutes; `cargo bench --bench load -- tap` (`throughput`,
//! `devices`) runs one part. Driver and server share the machine, so the figures include the driver's work. Nothing is
//! asserted.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "the figures are what this is for")]

mod driver;
mod server;
#[allow(dead_code, reason = "shared with the tests of the server, which use more of it")]
#[path = "../../tests/server/wire.rs"]
mod wire;

use std::time::{Duration, Instant};

use driver::{Driver, Waiting};
use server::{Server, Users};

/// Pages waiting at the same time.
const PAGES: usize = 10_000;
/// Taps to measure, and their rate.
const TAPS: usize = 2_000;
const TAPS_A_SECOND: u64 = 100;
/// Concurrent sign-ons, and how long they are counted.
const WORKERS: usize = 64;
const COUNTED: Duration = Duration::from_secs(10);

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let runs = |part: &str| wanted.is_empty() || wanted.iter().any(|each| each == part);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        if runs("tap") {
            tap().await;
        }
        if runs("throughput") {
            throughput().await;
        }
        if runs("devices") {
            devices().await;
        }
    });
}

/// Measures how soon a tap reaches the page that waits for it.
async fn tap() {
    let server = Server::start(&Users { count: PAGES + 100, costly_password: false });
    let driver = Driver::new(&server);
    println!("resident memory of the idle server: {} KiB (goal: under 40960)", server.resident());
    let commits = server::bare_commits(2_000);
    let before = server.resident();
    let waiting = driver.all_waiting(0..PAGES).await;
    let signed_on = server.resident();
    let held = driver.hold(&waiting).await;
    let each = |from: u64| (server.resident() - from) as f64 / PAGES as f64;
    println!(
        "memory for a waiting page: {:.1} KiB (goal: at most 20), {:.1} with what the {PAGES} sign-ons before it left behind",
        each(signed_on),
        each(before)
    );
    let cpu = server.cpu();
    let latencies = driver.tap(&waiting, &held, TAPS, TAPS_A_SECOND).await;
    let cost = (server.cpu() - cpu).as_secs_f64() * 1000.0 / TAPS as f64;
    print_latencies(&format!("tap to page, {PAGES} pages waiting, {TAPS_A_SECOND} taps a second"), &latencies);
    let (tap, floor) = (percentile(&latencies, 99), percentile(&commits, 99));
    let goal = (floor * 2 + Duration::from_millis(3)).max(Duration::from_millis(10));
    let missed = if tap > goal { "   MISSED" } else { "" };
    println!(
        "    99 of 100 within {:.2} ms; goal {:.2} ms, a bare durable commit takes {:.2} ms{missed}",
        milliseconds(tap),
        milliseconds(goal),
        milliseconds(floor)
    );
    println!("    {cost:.2} ms of the server's CPU for a tap");
    let polled = driver.tap_with_polls(PAGES..PAGES + 100, Duration::from_secs(2)).await;
    print_latencies("the same for clients that poll every 2 s", &polled);
}

/// Measures sign-ons per second and the cost of each.
async fn throughput() {
    for (costly_password, what, goal) in
        [(false, "without the cost of the password", " (goal: 1200 a second, 1.5 ms)"), (true, "with it", "")]
    {
        let server = Server::start(&Users { count: 80_000, costly_password });
        let driver = Driver::new(&server);
        let (cpu, own) = (server.cpu(), server::own_cpu());
        let began = Instant::now();
        let count = driver.sign_ons(WORKERS, COUNTED).await;
        let took = began.elapsed();
        let each = |total: Duration| milliseconds(total) / count as f64;
        println!(
            "whole sign-ons {what}: {:.0} a second, {:.2} ms of the server's CPU each, {:.2} ms of the driver's{goal}",
            count as f64 / took.as_secs_f64(),
            each(server.cpu() - cpu),
            each(server::own_cpu() - own),
        );
        if costly_password {
            println!("    checking one password takes {:.1} ms", milliseconds(server::password_cost()));
        }
    }
}

/// Measures sign-ons with few and with many registered phones.
async fn devices() {
    let mut medians = Vec::new();
    for count in [1_000, 100_000] {
        let server = Server::start(&Users { count, costly_password: false });
        let driver = Driver::new(&server);
        let waiting: Vec<Waiting> = driver.all_waiting(0..1_000).await;
        let held = driver.hold(&waiting).await;
        let latencies = driver.tap(&waiting, &held, 1_000, TAPS_A_SECOND).await;
        print_latencies(&format!("tap to page with {count} registered phones"), &latencies);
        medians.push((percentile(&latencies, 50), percentile(&latencies, 99)));
    }
    let ratio = |few: Duration, many: Duration| many.as_secs_f64() / few.as_secs_f64();
    println!(
        "    ratio {:.2} at the middle, {:.2} at 99 of 100 (goal: at most 1.3)",
        ratio(medians[0].0, medians[1].0),
        ratio(medians[0].1, medians[1].1)
    );
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn print_latencies(what: &str, sorted: &[Duration]) {
    println!(
        "{what}: 50 of 100 within {:.2} ms, 99 within {:.2} ms, all {} within {:.2} ms",
        milliseconds(percentile(sorted, 50)),
        milliseconds(percentile(sorted, 99)),
        sorted.len(),
        milliseconds(*sorted.last().unwrap())
    );
}
