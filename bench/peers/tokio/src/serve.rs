// SPDX-License-Identifier: MIT
//! http and echo: one task a connection, no parser.

use std::io::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!";
const BUFFER_SIZE: usize = 4096;

async fn listen(port: u64) -> Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", u16::try_from(port).expect("PORT"))).await?;
    println!("listening {}", listener.local_addr()?);
    Ok(listener)
}

async fn accept(listener: &TcpListener) -> Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

pub async fn http(port: u64) -> Result<()> {
    let listener = listen(port).await?;
    loop {
        let mut stream = accept(&listener).await?;
        tokio::spawn(async move {
            let mut buffer = [0; BUFFER_SIZE];
            while matches!(stream.read(&mut buffer).await, Ok(1..)) {
                if stream.write_all(ANSWER).await.is_err() {
                    return;
                }
            }
        });
    }
}

pub async fn echo(port: u64) -> Result<()> {
    let listener = listen(port).await?;
    loop {
        let mut stream = accept(&listener).await?;
        tokio::spawn(async move {
            let mut buffer = [0; BUFFER_SIZE];
            while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..n]).await.is_err() {
                    return;
                }
            }
        });
    }
}
