// SPDX-License-Identifier: MIT
//! The same rule as bench/common/meter.c: warm up, repeat a batch for most of a second, take the median batch.

use std::future::Future;
use std::time::{Duration, Instant};

const BATCH: Duration = Duration::from_millis(25);
const WARM_UP: Duration = Duration::from_millis(100);
const MEASURE: Duration = Duration::from_millis(700);
const MEASURE_MAX: Duration = Duration::from_secs(3);
const BATCHES_MIN: usize = 3;

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    if n % 2 == 1 {
        values[n / 2]
    } else {
        (values[n / 2 - 1] + values[n / 2]) / 2.0
    }
}

async fn timed<F: Future<Output = ()>>(batch: &mut impl FnMut(u64) -> F, iterations: u64) -> Duration {
    let start = Instant::now();
    batch(iterations).await;
    start.elapsed()
}

/// The median batch in nanoseconds an iteration.
pub async fn measure<F: Future<Output = ()>>(mut batch: impl FnMut(u64) -> F) -> f64 {
    let mut iterations = 1;
    let mut total = Duration::ZERO;
    loop {
        let took = timed(&mut batch, iterations).await;
        total += took;
        if took < BATCH {
            iterations *= 2;
        } else if total >= WARM_UP {
            break;
        }
    }
    let mut samples = Vec::new();
    total = Duration::ZERO;
    while total < MEASURE_MAX && (total < MEASURE || samples.len() < BATCHES_MIN) {
        let took = timed(&mut batch, iterations).await;
        total += took;
        samples.push(took.as_nanos() as f64 / iterations as f64);
    }
    median(samples)
}

/// The sum of the numbers below `n`, which is what the items of a batch add up to.
pub fn sum_to(n: u64) -> u64 {
    (0..n).sum()
}

pub fn print(name: &str, value: f64) {
    println!("{name} {value:.*}", if value < 100.0 { 3 } else { 1 });
}

/// Resident memory and page tables of this process, in bytes.
pub fn memory() -> (f64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    let field = |name: &str| {
        let line = status.lines().find(|l| l.starts_with(name)).expect(name);
        let kib: f64 = line.split_whitespace().nth(1).and_then(|v| v.parse().ok()).expect(name);
        kib * 1024.0
    };
    (field("VmRSS:"), field("VmPTE:"))
}
