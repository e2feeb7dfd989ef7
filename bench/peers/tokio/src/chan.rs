// SPDX-License-Identifier: MIT
//! mpmc, select and broadcast.

use crate::meter::{measure, print, sum_to};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use tokio::sync::{broadcast as tokio_broadcast, mpsc, Notify};

const MPMC_SIDES: u64 = 4; // as many producers as consumers
const MPMC_CAPACITY: usize = 256;

/// Tokio's own channels of many senders have one receiver, so this one is of a crate that its users take: more than twice as fast here as
/// async-channel.
pub async fn mpmc() {
    let ns = measure(|iterations| async move {
        let (to, from) = flume::bounded(MPMC_CAPACITY);
        let consumers: Vec<_> = (0..MPMC_SIDES)
            .map(|_| {
                let from = from.clone();
                tokio::spawn(async move {
                    let mut sum = 0;
                    while let Ok(item) = from.recv_async().await {
                        sum += item;
                    }
                    sum
                })
            })
            .collect();
        let producers: Vec<_> = (0..MPMC_SIDES)
            .map(|_| {
                let to = to.clone();
                tokio::spawn(async move {
                    for i in 0..iterations {
                        to.send_async(i).await.expect("send");
                    }
                })
            })
            .collect();
        for producer in producers {
            producer.await.expect("producer");
        }
        // With the last sender the channel is closed.
        drop(to);
        let mut sum = 0;
        for consumer in consumers {
            sum += consumer.await.expect("consumer");
        }
        assert_eq!(sum, MPMC_SIDES * sum_to(iterations));
    })
    .await;
    print("mpmc", ns / MPMC_SIDES as f64);
}

pub async fn select() {
    const CHANNELS: usize = 8;
    let ns = measure(|iterations| async move {
        let mut to = Vec::new();
        let mut from = Vec::new();
        for _ in 0..CHANNELS {
            let (sender, receiver) = mpsc::channel::<u64>(1);
            to.push(sender);
            from.push(receiver);
        }
        let mut from: [_; CHANNELS] = from.try_into().expect("channels");
        let sender = tokio::spawn(async move {
            for i in 0..iterations {
                to[i as usize % CHANNELS].send(i).await.expect("send");
            }
            to // kept open: a closed channel is ready for ever
        });
        let selector = tokio::spawn(async move {
            let [a, b, c, d, e, f, g, h] = &mut from;
            let mut sum = 0;
            for _ in 0..iterations {
                let item = tokio::select! {
                    item = a.recv() => item,
                    item = b.recv() => item,
                    item = c.recv() => item,
                    item = d.recv() => item,
                    item = e.recv() => item,
                    item = f.recv() => item,
                    item = g.recv() => item,
                    item = h.recv() => item,
                };
                sum += item.expect("recv");
            }
            sum
        });
        let _to = sender.await.expect("sender");
        assert_eq!(selector.await.expect("selector"), sum_to(iterations));
    })
    .await;
    print("select", ns);
}

const BROADCAST_CAPACITY: u64 = 16;

/// The sender fills the buffer, waits until all have what it sent, and goes on: so nobody falls behind.
pub async fn broadcast(receivers: u64) {
    let ns = measure(|iterations| async move {
        let (to, _) = tokio_broadcast::channel::<u64>(BROADCAST_CAPACITY as usize);
        let shared = Arc::new((AtomicU64::new(0), Notify::new()));
        let tasks: Vec<_> = (0..receivers)
            .map(|_| {
                let mut from = to.subscribe();
                let shared = shared.clone();
                tokio::spawn(async move {
                    let mut sum = 0;
                    for _ in 0..iterations {
                        for _ in 0..BROADCAST_CAPACITY {
                            sum += from.recv().await.expect("recv");
                        }
                        if (shared.0.fetch_add(1, Relaxed) + 1) % receivers == 0 {
                            shared.1.notify_one();
                        }
                    }
                    sum
                })
            })
            .collect();
        for item in 0..iterations * BROADCAST_CAPACITY {
            to.send(item).expect("send");
            if (item + 1) % BROADCAST_CAPACITY == 0 {
                shared.1.notified().await;
            }
        }
        let mut sum = 0;
        for task in tasks {
            sum += task.await.expect("receiver");
        }
        assert_eq!(sum, receivers * sum_to(iterations * BROADCAST_CAPACITY));
    })
    .await;
    print("broadcast", ns / (receivers * BROADCAST_CAPACITY) as f64);
}
