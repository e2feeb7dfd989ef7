// SPDX-License-Identifier: MIT
//! The cases of weft-bench on Tokio's multi-thread runtime: `bench-tokio CASE [N]` prints `name value`.

mod chan;
mod forkjoin;
mod locks;
mod meter;
mod serve;
mod sleepers;
mod spawn;
mod switch;

use std::future::Future;
use std::process::exit;

const CASES: &[(&str, &str)] = &[
    ("spawn", "[TASKS]"),
    ("spawn1", ""),
    ("yield", "[TASKS]"),
    ("pingpong", ""),
    ("mpmc", ""),
    ("mutex", ""),
    ("lock", ""),
    ("semaphore", ""),
    ("semaphores", ""),
    ("wakeall", "[TASKS]"),
    ("select", ""),
    ("broadcast", "[RECEIVERS]"),
    ("fib", "[K]"),
    ("skynet", "[LEAVES]"),
    ("sleepers", "[TASKS]"),
    ("http", "PORT"),
    ("echo", "PORT"),
];

fn usage() -> ! {
    eprintln!("usage: bench-tokio CASE [N] | --list");
    for (name, number) in CASES {
        eprintln!("{name} {number}");
    }
    exit(2)
}

/// Zero workers means every CPU.
fn workers() -> usize {
    let wanted = std::env::var("WEFT_WORKERS").ok().and_then(|w| w.parse().ok()).unwrap_or(0);
    if wanted > 0 {
        return wanted;
    }
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// The case runs as a task, not in `block_on`: a spawn from a worker is Tokio's fast one.
fn on_worker<T: Send + 'static>(case: impl Future<Output = T> + Send + 'static) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers())
        .enable_all()
        .build()
        .expect("runtime");
    let result = runtime.block_on(async { tokio::spawn(case).await.expect("case") });
    // Sleepers are not waited for.
    runtime.shutdown_background();
    result
}

fn main() {
    let mut args = std::env::args().skip(1);
    let Some(case) = args.next() else { usage() };
    if case == "--list" {
        for (name, number) in CASES {
            println!("{name} {number}");
        }
        return;
    }
    let n: Option<u64> = args.next().map(|n| n.parse().unwrap_or_else(|_| usage()));
    match case.as_str() {
        "spawn" => on_worker(spawn::spawn(n.unwrap_or(1_000))),
        "spawn1" => on_worker(spawn::spawn1()),
        "yield" => on_worker(switch::yields(n.unwrap_or(100))),
        "pingpong" => on_worker(switch::pingpong()),
        "mpmc" => on_worker(chan::mpmc()),
        "mutex" => on_worker(locks::mutex()),
        "lock" => on_worker(locks::lock()),
        "semaphore" => on_worker(locks::semaphore()),
        "semaphores" => on_worker(locks::semaphores()),
        "wakeall" => on_worker(locks::wakeall(n.unwrap_or(10_000))),
        "select" => on_worker(chan::select()),
        "broadcast" => on_worker(chan::broadcast(n.unwrap_or(1_000))),
        "fib" => on_worker(forkjoin::fib_case(n.unwrap_or(27))),
        "skynet" => on_worker(forkjoin::skynet_case(n.unwrap_or(1_000_000))),
        "sleepers" => on_worker(sleepers::sleepers(n.unwrap_or(100_000))),
        "http" => on_worker(serve::http(n.unwrap_or_else(|| usage()))).expect("http"),
        "echo" => on_worker(serve::echo(n.unwrap_or_else(|| usage()))).expect("echo"),
        _ => usage(),
    }
}
