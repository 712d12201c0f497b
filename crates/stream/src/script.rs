//! The scripts, and how one is called: by its hash, and loaded when Redis does not know it (after a restart it does not).

use std::sync::LazyLock;
use std::time::Duration;

use redis::{Cmd, Pipeline, ServerErrorKind, Value};

use crate::error::Error;
use crate::link::{Broken, Link};

/// A script and the SHA-1 that Redis knows it by.
pub(crate) struct Script {
    code: &'static str,
    hash: String,
}

macro_rules! script {
    ($name:ident, $file:literal) => {
        pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| {
            let code = include_str!($file);
            Script { code, hash: redis::Script::new(code).get_hash().to_owned() }
        });
    };
}

script!(APPEND, "../scripts/append.lua");
script!(FIRST_AFTER, "../scripts/first_after.lua");
script!(MIRROR, "../scripts/mirror.lua");
script!(OPEN, "../scripts/open.lua");
script!(SET_CURSOR, "../scripts/set_cursor.lua");
script!(SET_GENERATION, "../scripts/set_generation.lua");
script!(STATUS, "../scripts/status.lua");
script!(TRIM, "../scripts/trim.lua");

/// A call of a script with its keys; arguments are added by the caller.
pub(crate) fn call(script: &Script, keys: &[String]) -> Cmd {
    let mut call = redis::cmd("EVALSHA");
    call.arg(&script.hash).arg(keys.len()).arg(keys);
    call
}

/// Sends calls of one script as a pipeline; those that Redis does not know the script for are sent again after loading it
/// (they did nothing). One answer for each call; an error of the server is an answer.
pub(crate) async fn run(link: &Link, script: &Script, calls: Vec<Cmd>) -> Result<Vec<Value>, Broken> {
    let pipeline = pipeline_of(calls);
    let mut answers = link.send(&pipeline, Duration::ZERO).await?;
    let unknown: Vec<usize> = (0..answers.len()).filter(|i| is_unknown_script(&answers[*i])).collect();
    if unknown.is_empty() {
        return Ok(answers);
    }
    let mut load = redis::cmd("SCRIPT");
    load.arg("LOAD").arg(script.code);
    let again = pipeline.cmd_iter().enumerate().filter(|(i, _)| unknown.contains(i)).map(|(_, call)| call.clone());
    let loaded = link.send(&pipeline_of(std::iter::once(load).chain(again)), Duration::ZERO).await?;
    for (i, answer) in unknown.into_iter().zip(loaded.into_iter().skip(1)) {
        answers[i] = answer;
    }
    Ok(answers)
}

/// Like [`run`], for calls that may be repeated: an idle connection that broke unnoticed costs no more than a second try.
pub(crate) async fn run_again(link: &Link, script: &Script, calls: Vec<Cmd>) -> Result<Vec<Value>, Error> {
    match run(link, script, calls.clone()).await {
        Err(Broken::NoAnswer(Error::Away(_))) => Ok(run(link, script, calls).await?),
        other => Ok(other?),
    }
}

/// Sends one command that is no script and only reads; with a second try too.
pub(crate) async fn read(link: &Link, command: Cmd) -> Result<Value, Error> {
    let pipeline = pipeline_of([command]);
    let answers = match link.send(&pipeline, Duration::ZERO).await {
        Err(Broken::NoAnswer(Error::Away(_))) => link.send(&pipeline, Duration::ZERO).await?,
        other => other?,
    };
    accepted(answers.into_iter().next().unwrap_or_default())
}

/// Sends one command that waits up to `block` for its answer.
pub(crate) async fn read_blocking(link: &Link, command: Cmd, block: Duration) -> Result<Value, Error> {
    let answers = link.send(&pipeline_of([command]), block).await?;
    accepted(answers.into_iter().next().unwrap_or_default())
}

/// An answer that is not an error of the server.
pub(crate) fn accepted(answer: Value) -> Result<Value, Error> {
    let Value::ServerError(error) = answer else { return Ok(answer) };
    Err(match error.code() {
        "NOTOPEN" => Error::NotOpen,
        "NOGROUP" => Error::NoGroup,
        code => Error::Refused(format!("{code} {}", error.details().unwrap_or_default())),
    })
}

fn pipeline_of(commands: impl IntoIterator<Item = Cmd>) -> Pipeline {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline
}

fn is_unknown_script(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript))
}
