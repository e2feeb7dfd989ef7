// SPDX-License-Identifier: MIT
//! sleepers.

use crate::meter::{memory, print};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

pub async fn sleepers(tasks: u64) {
    let shared = Arc::new((AtomicU64::new(0), Notify::new()));
    let before = memory();
    let start = Instant::now();
    for _ in 0..tasks {
        let shared = shared.clone();
        tokio::spawn(async move {
            if shared.0.fetch_add(1, Ordering::Relaxed) + 1 == tasks {
                shared.1.notify_one();
            }
            tokio::time::sleep(Duration::from_secs(86_400)).await;
        });
    }
    shared.1.notified().await;
    let elapsed = start.elapsed();
    let after = memory();
    print("sleepers_page_tables", (after.1 - before.1) / tasks as f64);
    print("sleepers_seconds", elapsed.as_secs_f64());
    print("sleepers", (after.0 - before.0) / tasks as f64);
    // Freeing the sleepers is no part of the case.
    std::process::exit(0);
}
