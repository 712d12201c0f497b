//! Start everything, keep it running, stop it in order.

mod data;
mod log;
mod part;
mod ready;
mod start;
mod stop;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use tally_servers::Error;

use crate::RunArguments;
use data::Data;
use start::Parts;
use stop::Stop;

/// Why `run` could not start, or could not go on. Every message is a sentence for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// Another run holds the lock of the data directory.
    #[error(
        "{directory} is in use by another run (process {pid}): stop that one, or choose another directory (make run DATA=…)"
    )]
    Locked { directory: PathBuf, pid: String },
    /// The port of the API is taken.
    #[error(
        "port {0} of 127.0.0.1 is taken by another program: stop that one, or choose another port (make run PORT=…)"
    )]
    PortTaken(u16),
    /// The API did not answer that it is ready.
    #[error("tally-api was not ready within {} s ({answer}); its last lines:\n{api}and those of tally-consumer:\n{consumer}", deadline.as_secs())]
    NotReady { deadline: Duration, answer: String, api: String, consumer: String },
    /// The signals of the terminal cannot be heard.
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
    /// A server or a part failed.
    #[error(transparent)]
    Server(#[from] Error),
}

/// Runs everything until a signal asks for the end.
pub(crate) async fn run(arguments: &RunArguments) -> Result<(), Problem> {
    let mut stop = Stop::listen()?;
    let data = Data::open(&arguments.data)?;
    let started = tokio::select! {
        started = start::start(&data, arguments) => started?,
        () = stop.asked() => {
            say("stopped before everything had started");
            return Ok(());
        }
    };
    let outcome = tokio::select! {
        outcome = serve(&started, arguments.port) => outcome,
        () = stop.asked() => Ok(()),
    };
    say("stopping (once more to hurry)");
    let stopped = stop::stop(&started, &mut stop).await;
    outcome.and(stopped.map_err(Problem::from))
}

/// Announces readiness and keeps every part running. Ends only with a problem.
async fn serve(parts: &Parts, port: u16) -> Result<(), Problem> {
    let announce = async {
        ready::wait(parts, port).await?;
        greet(parts, port);
        std::future::pending().await
    };
    let keep = async {
        tokio::join!(parts.redis.keep(), parts.postgres.keep(), parts.consumer.keep(), parts.api.keep());
        Ok(())
    };
    tokio::select! { outcome = announce => outcome, outcome = keep => outcome }
}

fn greet(parts: &Parts, port: u16) {
    say(&format!("ready http://127.0.0.1:{port}"));
    say(&format!("dashboard http://127.0.0.1:{port}/  (vote: http://127.0.0.1:{port}/vote)"));
    say(&format!(
        "curl -sS http://127.0.0.1:{port}/v1/events -H 'content-type: application/json' -d \
         '{{\"service\":\"shop\",\"method\":\"GET\",\"route\":\"/hello\",\"status\":200,\"duration_ms\":12.5}}'"
    ));
    say(&format!("logs are in {}; Ctrl-C stops everything", parts.log_directory.display()));
}

/// Prints a line. That nobody reads it (a closed pipe) is no reason to stop counting.
pub(crate) fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{}", line.trim_end());
    let _ = output.flush();
}
