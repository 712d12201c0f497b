//! Waiting until the API says that it is ready.

use std::time::Duration;

use tally_servers::tail;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::Problem;
use super::start::Parts;

/// How long the API may take to become ready after it was started.
const READY_DEADLINE: Duration = Duration::from_secs(60);

/// How often it is asked, and how long it may take to answer.
const ASK_INTERVAL: Duration = Duration::from_millis(50);
const ANSWER_DEADLINE: Duration = Duration::from_secs(2);

/// How much of an answer is read, in bytes: the status line, and the start of what it complains of.
const ANSWER_BYTES: usize = 2048;

/// Waits until `GET /ready` answers 200.
pub(super) async fn wait(parts: &Parts, port: u16) -> Result<(), Problem> {
    let until = Instant::now() + READY_DEADLINE;
    loop {
        let answer = match timeout(ANSWER_DEADLINE, ask(port)).await {
            Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 200 ") => return Ok(()),
            Ok(Ok(answer)) => {
                format!("GET /ready answered: {}", answer.split_whitespace().collect::<Vec<_>>().join(" "))
            }
            Ok(Err(error)) => format!("GET /ready failed: {error}"),
            Err(_) => format!("GET /ready was not answered within {} s", ANSWER_DEADLINE.as_secs()),
        };
        if Instant::now() >= until {
            let (api, consumer) = (tail(parts.api.log()), tail(parts.consumer.log()));
            return Err(Problem::NotReady { deadline: READY_DEADLINE, answer, api, consumer });
        }
        sleep(ASK_INTERVAL).await;
    }
}

async fn ask(port: u16) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET /ready HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    connection.take(ANSWER_BYTES as u64).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
