// SPDX-License-Identifier: MIT
//! spawn and spawn1. A vector of handles is faster than a JoinSet, which locks and links an entry a task.

use crate::meter::{measure, print};

pub async fn spawn(tasks: u64) {
    let ns = measure(|iterations| async move {
        let mut handles = Vec::with_capacity(tasks as usize);
        for _ in 0..iterations {
            for _ in 0..tasks {
                handles.push(tokio::spawn(async {}));
            }
            for handle in handles.drain(..) {
                handle.await.expect("task");
            }
        }
    })
    .await;
    print("spawn", ns / tasks as f64);
}

pub async fn spawn1() {
    let ns = measure(|iterations| async move {
        for _ in 0..iterations {
            tokio::spawn(async {}).await.expect("task");
        }
    })
    .await;
    print("spawn1", ns);
}
