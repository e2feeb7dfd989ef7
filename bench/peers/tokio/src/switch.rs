// SPDX-License-Identifier: MIT
//! yield and pingpong.

use crate::meter::{measure, print};
use tokio::sync::mpsc;

pub async fn yields(tasks: u64) {
    let ns = measure(|iterations| async move {
        let handles: Vec<_> = (0..tasks)
            .map(|_| {
                tokio::spawn(async move {
                    for _ in 0..iterations {
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for handle in handles {
            handle.await.expect("task");
        }
    })
    .await;
    print("yield", ns / tasks as f64);
}

pub async fn pingpong() {
    let ns = measure(|iterations| async move {
        let (there, mut at_pong) = mpsc::channel::<u64>(1);
        let (back, mut at_ping) = mpsc::channel::<u64>(1);
        let ping = tokio::spawn(async move {
            for i in 0..iterations {
                there.send(i).await.expect("send");
                assert_eq!(at_ping.recv().await, Some(i + 1));
            }
        });
        let pong = tokio::spawn(async move {
            for _ in 0..iterations {
                let item = at_pong.recv().await.expect("recv");
                back.send(item + 1).await.expect("send");
            }
        });
        ping.await.expect("ping");
        pong.await.expect("pong");
    })
    .await;
    print("pingpong", ns);
}
