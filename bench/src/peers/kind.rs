//! The peers that post, log and count, and how each is started.

use std::path::Path;

/// What its users would run, from `bench/peers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `FastAPI` and a consumer that calls the increment event by event.
    Python,
    /// The same with `executemany`, which does not wait between the calls.
    PythonMany,
    /// Bento: one program takes HTTP into Redis, another counts.
    Bento,
}

/// All of them, in the order of the table.
pub(super) const KINDS: [Kind; 3] = [Kind::Python, Kind::PythonMany, Kind::Bento];

/// A program's arguments, and what it answers with 2xx once it is ready, if it can be asked.
pub(super) struct Start {
    pub(super) arguments: Vec<String>,
    pub(super) ready: Option<String>,
}

impl Kind {
    /// Its name in the table.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::PythonMany => "Python, executemany",
            Self::Bento => "Bento",
        }
    }

    /// Where it takes a body of so many events.
    pub(super) const fn path(self, batch: usize) -> &'static str {
        match self {
            Self::Python | Self::PythonMany if batch == 1 => "/event",
            _ => "/events",
        }
    }

    /// Its front door, which listens on `port`. What else it serves of itself is on `status_port`.
    pub(super) fn front(self, sources: &Path, port: u16, status_port: u16) -> Start {
        match self {
            Self::Python | Self::PythonMany => {
                let (sources, port) = (sources.join("python").display().to_string(), port.to_string());
                let arguments = ["-m", "uvicorn", "api:app", "--app-dir", &sources, "--port", &port, "--workers", "2"];
                let quick = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"];
                let arguments = arguments.into_iter().chain(quick).map(str::to_owned).collect();
                Start { arguments, ready: Some(format!("http://127.0.0.1:{port}/health")) }
            }
            Self::Bento => bento(&sources.join("bento/ingest.yaml"), status_port),
        }
    }

    /// The program that counts.
    pub(super) fn counter(self, sources: &Path, status_port: u16) -> Start {
        let consumer = |how: &str| {
            let program = sources.join("python/consumer.py").display().to_string();
            Start { arguments: vec![program, how.to_owned()], ready: None }
        };
        match self {
            Self::Python => consumer("each"),
            Self::PythonMany => consumer("many"),
            Self::Bento => bento(&sources.join("bento/count.yaml"), status_port),
        }
    }
}

fn bento(configuration: &Path, status_port: u16) -> Start {
    Start {
        arguments: vec!["-c".to_owned(), configuration.display().to_string()],
        ready: Some(format!("http://127.0.0.1:{status_port}/ready")),
    }
}
