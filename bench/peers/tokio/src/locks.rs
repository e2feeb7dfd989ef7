// SPDX-License-Identifier: MIT
//! mutex, lock, semaphore, semaphores and wakeall.

use crate::meter::{measure, print};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use tokio::sync::{Mutex, Notify, Semaphore};

const CONTENDERS: u64 = 8;

pub async fn mutex() {
    let ns = measure(|iterations| async move {
        let count = Arc::new(Mutex::new(0));
        let tasks: Vec<_> = (0..CONTENDERS)
            .map(|_| {
                let count = count.clone();
                tokio::spawn(async move {
                    for _ in 0..iterations {
                        *count.lock().await += 1;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("task");
        }
        assert_eq!(*count.lock().await, CONTENDERS * iterations);
    })
    .await;
    print("mutex", ns / CONTENDERS as f64);
}

pub async fn lock() {
    let count = &Mutex::new(0);
    let mut total = 0;
    let ns = measure(|iterations| {
        total += iterations;
        async move {
            for _ in 0..iterations {
                *count.lock().await += 1;
            }
        }
    })
    .await;
    assert_eq!(*count.lock().await, total);
    print("lock", ns);
}

pub async fn semaphore() {
    let permits = &Semaphore::new(1);
    let ns = measure(|iterations| async move {
        let mut count = 0;
        for _ in 0..iterations {
            let _permit = permits.acquire().await.expect("acquire");
            // Nothing else would keep the compiler from counting all at once.
            count = std::hint::black_box(count + 1);
        }
        assert_eq!(count, iterations);
    })
    .await;
    print("semaphore", ns);
}

const FEW_PERMITS: usize = 2;

pub async fn semaphores() {
    let ns = measure(|iterations| async move {
        let shared = Arc::new((Semaphore::new(FEW_PERMITS), AtomicU64::new(0)));
        let tasks: Vec<_> = (0..CONTENDERS)
            .map(|_| {
                let shared = shared.clone();
                tokio::spawn(async move {
                    for _ in 0..iterations {
                        let _permit = shared.0.acquire().await.expect("acquire");
                        shared.1.fetch_add(1, Relaxed);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("task");
        }
        assert_eq!(shared.1.load(Relaxed), CONTENDERS * iterations);
    })
    .await;
    print("semaphores", ns / CONTENDERS as f64);
}

struct Wakeall {
    events: [Notify; 2],
    all: Notify,
    woken: AtomicU64,
    ending: AtomicBool,
}

/// Two events in turn: who is woken by one counts itself and waits for the other; the last one ends the round.
pub async fn wakeall(tasks: u64) {
    let shared = Arc::new(Wakeall {
        events: [Notify::new(), Notify::new()],
        all: Notify::new(),
        woken: AtomicU64::new(0),
        ending: AtomicBool::new(false),
    });
    let entered = move |shared: &Wakeall| {
        if (shared.woken.fetch_add(1, Relaxed) + 1) % tasks == 0 {
            shared.all.notify_one();
        }
    };
    let waiters: Vec<_> = (0..tasks)
        .map(|_| {
            let shared = shared.clone();
            tokio::spawn(async move {
                for round in 0.. {
                    // It hears of a wake-up from when it is made, so it is made before the last one can know of this task.
                    let event = shared.events[round % 2].notified();
                    entered(&shared);
                    event.await;
                    if shared.ending.load(Relaxed) {
                        return;
                    }
                }
            })
        })
        .collect();
    shared.all.notified().await;
    let mut rounds = 0;
    let ns = measure(|iterations| {
        let (first, shared) = (rounds, shared.clone());
        rounds += iterations;
        async move {
            for round in first..first + iterations {
                shared.events[round as usize % 2].notify_waiters();
                shared.all.notified().await;
            }
            // One more for each task's coming.
            assert_eq!(shared.woken.load(Relaxed), (first + iterations + 1) * tasks);
        }
    })
    .await;
    shared.ending.store(true, Relaxed);
    shared.events[rounds as usize % 2].notify_waiters();
    for waiter in waiters {
        waiter.await.expect("waiter");
    }
    print("wakeall", ns / tasks as f64);
}
