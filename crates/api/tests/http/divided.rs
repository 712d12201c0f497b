//! Requests that do not come in one piece, or several in one: whatever the division, each is answered, in order.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::door::{Door, PATIENCE};

/// Longer than a server takes to see what came.
const PAUSE: Duration = Duration::from_millis(30);

fn request(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /v1/events HTTP/1.1\r\nHost: tally\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Writes the parts with pauses between, and reads until so many requests were accepted.
async fn accepted(door: &Door, parts: &[&str], requests: usize) {
    let mut connection = TcpStream::connect(door.base.trim_start_matches("http://")).await.unwrap();
    connection.set_nodelay(true).unwrap();
    let (mut answers, mut some) = (String::new(), [0; 4_096]);
    for part in parts {
        connection.write_all(part.as_bytes()).await.unwrap();
        sleep(PAUSE).await;
    }
    while answers.matches("HTTP/1.1 202 Accepted").count() < requests {
        let read = timeout(PATIENCE, connection.read(&mut some)).await.expect(&answers).unwrap();
        assert!(read > 0, "closed after {answers}");
        answers.push_str(std::str::from_utf8(&some[..read]).unwrap());
    }
}

#[tokio::test]
async fn each_is_answered_however_it_was_divided() {
    let door = Door::open().await;
    let one = request(r#"{"service":"shop","method":"GET","route":"/a","status":200}"#);
    let head = one.find("\r\n\r\n").unwrap() + 4;
    let two = one.repeat(2);
    let mut sum = 0;
    for parts in [
        vec![&one[..]],
        vec![&one[..head], &one[head..]],
        vec![&one[..head + 5], &one[head + 5..]],
        vec![&one[..head + 5], &one[head + 5..head + 20], &one[head + 20..]],
        vec![&one[..9], &one[9..head + 1], &one[head + 1..]],
    ] {
        accepted(&door, &parts, 1).await;
        sum += 1;
    }
    // The second begins with the first, and ends when that is answered already.
    for cut in [one.len(), one.len() + 9, one.len() + head, one.len() + head + 5, two.len()] {
        accepted(&door, &[&two[..cut], &two[cut..]], 2).await;
        sum += 2;
    }
    accepted(&door, &[&one.repeat(40)], 40).await;
    assert_eq!(door.accepted().await, sum + 40);
}
