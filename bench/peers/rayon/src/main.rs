// SPDX-License-Identifier: MIT
//! fib on rayon, the fork-join library that fib and joinfib are held against: `bench-rayon CASE [K]` prints `name value`.
//! There is one way to do it, which serves both rows.

use std::process::exit;
use std::time::{Duration, Instant};

fn fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (half, other) = rayon::join(|| fib(n - 1), || fib(n - 2));
    half + other
}

fn fib_plain(n: u64) -> u64 {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}

fn timed(k: u64, iterations: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..iterations {
        assert_eq!(fib(k), fib_plain(k));
    }
    start.elapsed()
}

/// The same rule as bench/common/meter.c: warm up, repeat a batch for most of a second, take the median batch.
fn measure(k: u64) -> f64 {
    let mut iterations = 1;
    let mut total = Duration::ZERO;
    loop {
        let took = timed(k, iterations);
        total += took;
        if took < Duration::from_millis(25) {
            iterations *= 2;
        } else if total >= Duration::from_millis(100) {
            break;
        }
    }
    let mut samples = Vec::new();
    total = Duration::ZERO;
    while total < Duration::from_secs(3) && (total < Duration::from_millis(700) || samples.len() < 3) {
        let took = timed(k, iterations);
        total += took;
        samples.push(took.as_nanos() as f64 / iterations as f64);
    }
    samples.sort_by(f64::total_cmp);
    (samples[(samples.len() - 1) / 2] + samples[samples.len() / 2]) / 2.0
}

fn usage() -> ! {
    eprintln!("usage: bench-rayon fib|joinfib [K] | --list");
    exit(2)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (case, k) = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--list"] => return println!("fib [K]\njoinfib [K]"),
        [case @ ("fib" | "joinfib")] => (case, 27),
        [case @ ("fib" | "joinfib"), k] => (case, k.parse().unwrap_or_else(|_| usage())),
        _ => usage(),
    };
    // Zero threads means every CPU, for rayon as for WEFT_WORKERS.
    let workers = std::env::var("WEFT_WORKERS").ok().and_then(|w| w.parse().ok()).unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().expect("pool");
    let ns = pool.install(|| measure(k));
    println!("{case} {:.3}", ns / (fib_plain(k + 1) - 1) as f64);
}
