//! Clients that post at fixed times, whatever becomes of others: each has one connection, and what falls due while it still
//! waits for an answer is not sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};

use crate::data::Bodies;
use crate::error::Error;

/// How long an answer may take, and a connection.
const ANSWER_DEADLINE: Duration = Duration::from_secs(15);
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1_024;
/// Clients that connect at the same time.
const CONNECTING: usize = 256;
/// Between the last connection and the first post.
const LEAD: Duration = Duration::from_millis(200);

/// How much is posted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) clients: u32,
    /// Posts that fall due in a second, of all clients together.
    pub(super) per_second: f64,
    pub(super) seconds: u32,
}

/// What became of one post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    Accepted,
    /// 429 or 503.
    Refused,
    /// No answer, or one that says nothing: it may have been counted.
    Unknown,
    /// It fell due while the client was waiting.
    NotSent,
}

/// One post.
#[derive(Debug, Clone, Copy)]
pub(super) struct Post {
    /// Second in which it was due.
    pub(super) second: u16,
    pub(super) became: Became,
    /// From when it was due until it was answered.
    pub(super) latency_us: u32,
    /// Which body.
    pub(super) body: u32,
}

struct Plan {
    address: String,
    requests: Vec<Vec<u8>>,
    offer: Offer,
}

/// Posts for as long as is offered, and tells what became of each post.
///
/// # Errors
/// If the bodies cannot be read, or no connection can be had.
pub(super) async fn post(address: &str, bodies: &Bodies, offer: Offer) -> Result<Vec<Post>, Error> {
    let requests = requests(address, bodies)?;
    let plan = Arc::new(Plan { address: address.to_owned(), requests, offer });
    let mut connections = Vec::with_capacity(offer.clients as usize);
    while connections.len() < offer.clients as usize {
        let batch = CONNECTING.min(offer.clients as usize - connections.len());
        let connecting = (0..batch).map(|_| connect(&plan.address));
        connections.extend(futures_util::future::try_join_all(connecting).await.map_err(Error::io("connect"))?);
    }
    let began = Instant::now() + LEAD;
    let mut clients = JoinSet::new();
    for (number, connection) in connections.into_iter().enumerate() {
        clients.spawn(client(Arc::clone(&plan), number as u32, connection, began));
    }
    let mut posts = Vec::new();
    while let Some(of_client) = clients.join_next().await {
        posts.extend(of_client.map_err(|_| Error::Wrong("a client panicked".to_owned()))?);
    }
    Ok(posts)
}

fn requests(address: &str, bodies: &Bodies) -> Result<Vec<Vec<u8>>, Error> {
    let head = format!("POST /v1/events HTTP/1.1\r\nHost: {address}\r\nContent-Type: {}\r\n", bodies.content_type());
    let whole = |body: &[u8]| [format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat();
    Ok(bodies.read()?.iter().map(|body| whole(body)).collect())
}

async fn connect(address: &str) -> std::io::Result<TcpStream> {
    let connection = timeout(ANSWER_DEADLINE, TcpStream::connect(address)).await??;
    connection.set_nodelay(true)?;
    Ok(connection)
}

async fn client(plan: Arc<Plan>, number: u32, connection: TcpStream, began: Instant) -> Vec<Post> {
    let Offer { clients, per_second, seconds } = plan.offer;
    let interval_s = f64::from(clients) / per_second;
    let count = (f64::from(seconds) / interval_s) as u32;
    let (mut connection, mut posts) = (Some(connection), Vec::new());
    for turn in 0..count {
        let due_s = interval_s * (f64::from(turn) + f64::from(number) / f64::from(clients));
        let due = began + Duration::from_secs_f64(due_s);
        let body = ((u64::from(turn) * u64::from(clients) + u64::from(number)) % plan.requests.len() as u64) as u32;
        let mut post = Post { second: due_s as u16, became: Became::NotSent, latency_us: 0, body };
        if Instant::now() <= due + Duration::from_secs_f64(interval_s) {
            sleep_until(due.into()).await;
            post.became = ask(&mut connection, &plan, body as usize).await;
            post.latency_us = due.elapsed().as_micros() as u32;
        }
        posts.push(post);
    }
    posts
}

/// Posts one body. A connection that has failed, or that the server closes, is replaced before the next.
async fn ask(connection: &mut Option<TcpStream>, plan: &Plan, body: usize) -> Became {
    let mut stream = match connection.take() {
        Some(stream) => stream,
        None => match connect(&plan.address).await {
            Ok(stream) => stream,
            Err(_) => return Became::NotSent,
        },
    };
    match timeout(ANSWER_DEADLINE, exchange(&mut stream, &plan.requests[body])).await {
        Ok(Ok((status, closes))) => {
            *connection = (!closes).then_some(stream);
            match status {
                200..=299 => Became::Accepted,
                429 | 503 => Became::Refused,
                _ => Became::Unknown,
            }
        }
        Ok(Err(_)) | Err(_) => Became::Unknown,
    }
}

/// Sends a request, and tells the status of its answer and whether the connection ends.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> std::io::Result<(u16, bool)> {
    stream.write_all(request).await?;
    let (mut answer, mut filled) = ([0; ANSWER_BYTES_MAX], 0);
    loop {
        let read = stream.read(&mut answer[filled..]).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        if let Some(whole) = whole(&answer[..filled]) {
            return Ok(whole);
        }
    }
}

/// Status, and whether the connection ends, once the answer is there to its last byte.
fn whole(answer: &[u8]) -> Option<(u16, bool)> {
    let head_end = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..head_end]).ok()?;
    let field = |name: &str| {
        head.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    let length = field("content-length").and_then(|(_, value)| value.trim().parse::<usize>().ok()).unwrap_or(0);
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let closes = field("connection").is_some_and(|(_, value)| value.trim().eq_ignore_ascii_case("close"));
    (answer.len() >= head_end + length).then_some((status, closes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let answer = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
        assert_eq!(whole(answer), Some((503, true)));
        assert_eq!(whole(&answer[..answer.len() - 1]), None);
        assert_eq!(whole(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"), Some((202, false)));
    }
}
