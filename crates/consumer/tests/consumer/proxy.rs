//! A way to PostgreSQL that can be cut: before a statement reaches it, or before its answer comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Everything passes.
const OPEN: u8 = 0;
/// The next bytes towards the server are swallowed, and the connection closes.
const SWALLOW: u8 = 1;
/// The next bytes towards the server pass, and the connection closes before the answer.
const DEAFEN: u8 = 2;

pub(crate) struct Proxy {
    pub(crate) port: u16,
    fault: Arc<AtomicU8>,
}

impl Proxy {
    pub(crate) async fn before(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (port, fault) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU8::new(OPEN)));
        let seen = Arc::clone(&fault);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&seen)));
            }
        });
        Self { port, fault }
    }

    /// The next statement never arrives.
    pub(crate) fn swallow_next(&self) {
        self.fault.store(SWALLOW, Ordering::SeqCst);
    }

    /// The next statement arrives, and nobody hears what became of it.
    pub(crate) fn deafen_next(&self) {
        self.fault.store(DEAFEN, Ordering::SeqCst);
    }

    /// Whether the fault that was asked for has happened.
    pub(crate) fn has_struck(&self) -> bool {
        self.fault.load(Ordering::SeqCst) == OPEN
    }
}

async fn pass(client: TcpStream, server: TcpStream, fault: Arc<AtomicU8>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let answers = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from_client.read(&mut bytes).await {
        match fault.swap(OPEN, Ordering::SeqCst) {
            SWALLOW => break,
            DEAFEN => {
                answers.abort();
                to_server.write_all(&bytes[..n]).await.unwrap();
                // The server is given the time to carry it out before it sees the end of the connection.
                tokio::time::sleep(Duration::from_millis(300)).await;
                break;
            }
            _ => to_server.write_all(&bytes[..n]).await.unwrap(),
        }
    }
    answers.abort();
}
