//! `redrive`: ask for it and carry it out, at a terminal.

use std::time::Duration;

use tally_store::Store;

use super::redrive_some;
use crate::config::Config;
use crate::connect::ready_store;
use crate::error::Error;
use crate::run::consumer_name;
use crate::shutdown::Shutdown;

/// Pause before another look at a request that a running consumer works on.
const LOOK: Duration = Duration::from_millis(200);

/// Counts the dead letters of a reason, or of every reason, as far as they can be counted now. Running consumers may help.
///
/// # Errors
/// [`Error::Setting`] for a reason that no letter has; [`Error::Waited`]; [`Error::Interrupted`]: what was asked is then
/// carried out by the consumers that run.
pub async fn redrive(config: &Config, reason: Option<String>, shutdown: Shutdown) -> Result<(), Error> {
    let store = ready_store(config, Some(config.wait()), &shutdown).await?;
    let reasons = match reason {
        Some(reason) => vec![reason],
        None => store.dead_reasons(0).await?.into_iter().map(|found| found.reason).collect(),
    };
    for reason in reasons {
        let Some(asked) = store.ask_redrive(&reason).await? else {
            return Err(Error::Setting(format!("there is no dead letter with the reason {reason}")));
        };
        tracing::info!(reason, events = asked, "counting dead letters");
        until_done(&store, &reason, &shutdown).await?;
    }
    Ok(())
}

async fn until_done(store: &Store, reason: &str, shutdown: &Shutdown) -> Result<(), Error> {
    let consumer = consumer_name();
    loop {
        redrive_some(store, &consumer).await?;
        match store.last_redrive(reason).await? {
            Some(done) if done.done_at_ms.is_some() => {
                tracing::info!(reason, counted = done.redriven, refused = done.refused, "every letter was looked at");
                return Ok(());
            }
            _ if shutdown.sleep(LOOK).await => return Err(Error::Interrupted),
            _ => {}
        }
    }
}
