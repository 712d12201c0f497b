//! A server that speaks as much HTTP as a client of Tally needs, remembers what it was sent, and can misbehave.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Request {
    pub(crate) key: String,
    pub(crate) body: Vec<u8>,
    pub(crate) path: String,
    pub(crate) content_type: String,
}

impl Request {
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        self.body.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect()
    }
}

/// What to answer.
pub(crate) enum Reply {
    /// 202 with all events accepted; `duplicate` when the key has been accepted before.
    Accept,
    /// A status line such as `503 Service Unavailable`, further headers each ending in CRLF, and a body.
    Status(&'static str, &'static str, String),
    /// Close the connection; nothing was accepted.
    Drop,
    /// Accept, and close the connection before the answer.
    LoseAnswer,
    /// Never answer.
    Hang,
}

type Script = dyn Fn(&Request, usize) -> Reply + Send + Sync;

pub(crate) struct FakeApi {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl FakeApi {
    /// Accepts everything.
    pub(crate) fn start() -> Self {
        Self::scripted(|_, _| Reply::Accept)
    }

    /// Answers the request with the given number, from 0, as `script` says.
    pub(crate) fn scripted(script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), script)
    }

    pub(crate) fn on(listener: TcpListener, script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, script, accepted): (_, Arc<Script>, _) = (Arc::clone(&requests), Arc::new(script), Arc::default());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, script, accepted) = (Arc::clone(&seen), Arc::clone(&script), Arc::clone(&accepted));
                std::thread::spawn(move || serve(stream, &seen, &*script, &accepted));
            }
        });
        Self { port, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// All requests so far, sorted: blocks arrive in any order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let mut requests = self.requests.lock().unwrap().clone();
        requests.sort();
        requests
    }

    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        self.requests().iter().flat_map(Request::events).collect()
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Vec<Request>>, script: &Script, accepted: &Mutex<HashSet<String>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(request) = read_request(&mut reader) {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let (status, headers, body) = match script(&request, number) {
            Reply::Accept => {
                let duplicate = !accepted.lock().unwrap().insert(request.key.clone());
                let count = request.events().len();
                let body = format!(r#"{{"accepted":{count},"rejected":[],"duplicate":{duplicate},"id":"x"}}"#);
                ("202 Accepted", "", body)
            }
            Reply::Status(status, headers, body) => (status, headers, body),
            Reply::Drop => return,
            Reply::LoseAnswer => {
                accepted.lock().unwrap().insert(request.key);
                return;
            }
            Reply::Hang => loop {
                std::thread::park();
            },
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut key, mut content_type, mut length) = (String::new(), String::new(), 0);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "idempotency-key" => key = value.to_owned(),
            "content-type" => content_type = value.to_owned(),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { key, body, path, content_type })
}
