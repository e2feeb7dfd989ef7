// SPDX-License-Identifier: MIT
//! fib and skynet.

use crate::meter::{measure, print};
use std::future::Future;
use std::pin::Pin;

type Boxed = Pin<Box<dyn Future<Output = u64> + Send>>;

/// One half is spawned and the other computed in place. A recursive future has to be boxed.
fn fib(n: u64) -> Boxed {
    Box::pin(async move {
        if n < 2 {
            return n;
        }
        let half = tokio::spawn(fib(n - 1));
        let other = fib(n - 2).await;
        half.await.expect("fib") + other
    })
}

fn fib_plain(n: u64) -> u64 {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}

pub async fn fib_case(k: u64) {
    let ns = measure(|iterations| async move {
        for _ in 0..iterations {
            assert_eq!(fib(k).await, fib_plain(k));
        }
    })
    .await;
    print("fib", ns / (fib_plain(k + 1) - 1) as f64);
}

const CHILDREN: u64 = 10;

fn skynet(first: u64, leaves: u64) -> Boxed {
    Box::pin(async move {
        if leaves == 1 {
            return first;
        }
        let part = leaves / CHILDREN;
        let children: [_; CHILDREN as usize] =
            std::array::from_fn(|i| tokio::spawn(skynet(first + i as u64 * part, part)));
        let mut sum = 0;
        for child in children {
            sum += child.await.expect("skynet");
        }
        sum
    })
}

pub async fn skynet_case(leaves: u64) {
    let ns = measure(|iterations| async move {
        for _ in 0..iterations {
            let sum = tokio::spawn(skynet(0, leaves)).await.expect("skynet");
            assert_eq!(sum, leaves * (leaves - 1) / 2);
        }
    })
    .await;
    print("skynet", ns / 1e6);
}
