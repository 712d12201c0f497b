//! A network between the API and Redis that loses answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tally_stream::{Appended, Log};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{SHARD, TestLog, accept, config, keyed, limits, request};

/// Forwards to a Redis. While `cuts` is above zero, a connection that carried an append is cut after the request was
/// forwarded and answered, and the answer is not passed on.
struct Proxy {
    address: SocketAddr,
    cuts: Arc<AtomicU64>,
    cut: Arc<AtomicU64>,
}

impl Proxy {
    async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cuts, cut) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        tokio::spawn({
            let (cuts, cut) = (Arc::clone(&cuts), Arc::clone(&cut));
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(forward(client, port, Arc::clone(&cuts), Arc::clone(&cut)));
                }
            }
        });
        Self { address, cuts, cut }
    }

    fn url(&self) -> String {
        format!("redis://{}", self.address)
    }
}

async fn forward(mut client: TcpStream, port: u16, cuts: Arc<AtomicU64>, cut: Arc<AtomicU64>) {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut from_client, mut from_server) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut has_append = false;
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(length @ 1..) = read else { return };
                has_append |= from_client[..length].windows(7).any(|window| window == b"EVALSHA");
                server.write_all(&from_client[..length]).await.unwrap();
            }
            read = server.read(&mut from_server) => {
                let Ok(length @ 1..) = read else { return };
                let lose = has_append && cuts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
                if lose {
                    cut.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                if client.write_all(&from_server[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_nothing_counts_twice() {
    let test = TestLog::open().await;
    let proxy = Proxy::before(test.redis.port()).await;
    let log = Log::connect(&config(&proxy.url())).await.unwrap();
    let appender = log.appender(limits());
    accept(&appender, request(1)).await;
    for (i, request) in [request(2), keyed("k", 1, 3), request(100)].into_iter().enumerate() {
        proxy.cuts.store(3, Ordering::Relaxed);
        let events = request.payload.len() as u32;
        match appender.append(request).await {
            Ok(Appended::Accepted { at, events: accepted, received_ms, .. }) => {
                assert_eq!((at.seq, accepted, received_ms), (i as u64 + 2, events, 1_770_000_000_000));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(proxy.cut.load(Ordering::Relaxed), 3 * (i as u64 + 1));
    }
    assert_eq!(test.events().await, 106);
    let status = test.log.status(SHARD).await.unwrap();
    // Our own repetitions are no client's duplicates.
    assert_eq!((status.totals.events, status.totals.entries, status.duplicates), (106, 5, 0));
    assert!(appender.stats().resends >= 9);
    assert!(matches!(appender.append(keyed("k", 1, 3)).await, Ok(Appended::Duplicate { .. })));
    assert_eq!(test.log.status(SHARD).await.unwrap().duplicates, 3);
}

#[tokio::test]
async fn many_lost_answers_under_load() {
    let test = TestLog::open().await;
    let proxy = Proxy::before(test.redis.port()).await;
    let log = Log::connect(&config(&proxy.url())).await.unwrap();
    let appender = log.appender(limits());
    proxy.cuts.store(8, Ordering::Relaxed);
    let tasks: Vec<_> = (0..300_usize)
        .map(|i| {
            let appender = appender.clone();
            let request = if i % 3 == 0 { keyed(&i.to_string(), 1, 2) } else { request(2) };
            tokio::spawn(async move { appender.append(request).await })
        })
        .collect();
    for task in tasks {
        assert!(matches!(task.await.unwrap(), Ok(Appended::Accepted { events: 2, .. })));
    }
    assert!(proxy.cut.load(Ordering::Relaxed) > 0);
    assert_eq!(test.events().await, 600);
    assert_eq!(test.log.status(SHARD).await.unwrap().totals.events, 600);
}
