//! Dead letters counted after all: somebody asked for a reason's letters, and any consumer carries it out.
//!
//! A letter is read with what this program knows now, folded, and counted in the statement that deletes it. So it is counted
//! once, whatever is killed and however many do this at once. One that still cannot be counted stays, and is not tried again
//! until somebody asks again.

mod command;
mod letter;

use std::time::Duration;

use tally_model::{Fold, Shard, Tally};
use tally_store::{Class, Error as StoreError, RedriveWork, Redriven, SetAside, Store};

use crate::error::Error;
use letter::Figures;

pub use command::redrive;

/// How long a request stays with a consumer that is not heard of.
const LEASE: Duration = Duration::from_secs(30);
/// Letters read at once, and their bytes (a letter has at most half a megabyte).
const LETTERS_MAX: u32 = 200;
const BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Rows of the database from which on letters are counted in two parts.
const KEYS_MAX: usize = 20_000;
/// Most partitions that some letters may ask for.
const PARTITIONS_MAX: u32 = 1_000;
/// Reads of one turn; then other chores have theirs.
const READS_MAX: u32 = 16;

/// What one turn did, in events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turn {
    /// Counted.
    pub redriven: u64,
    /// Still cannot be counted.
    pub refused: u64,
}

/// Works on open requests for a while. Cut off at any moment, it is gone on with from there.
///
/// # Errors
/// What the database said; the next turn goes on.
pub async fn redrive_some(store: &Store, consumer: &str) -> Result<Turn, Error> {
    let mut turn = Turn::default();
    for _ in 0..READS_MAX {
        let Some(work) = store.claim_redrive(consumer, LEASE).await? else { break };
        let letters = store.next_letters(&work, LETTERS_MAX, BYTES_MAX).await?;
        let through = letters.last().map_or(work.through, |last| last.id);
        let mut refused = 0;
        for (shard, letters) in by_shard(&letters) {
            let counted = count(store, &work, shard, letters).await;
            let Some(part) = unless_raced(counted)? else { return Ok(turn) };
            turn.redriven += part.redriven;
            refused += part.refused;
        }
        if store.advance_redrive(&work, through, refused).await? {
            turn.refused += refused;
        }
    }
    Ok(turn)
}

fn by_shard(letters: &[SetAside]) -> Vec<(Shard, Vec<&SetAside>)> {
    let mut shards: Vec<Shard> = letters.iter().map(|letter| letter.shard).collect();
    shards.sort_unstable();
    shards.dedup();
    let of = |shard| letters.iter().filter(|letter| letter.shard == shard).collect();
    shards.into_iter().map(|shard| (shard, of(shard))).collect()
}

/// Another took some of the letters first, or stood in the way: nothing was counted here, and they are read again.
fn unless_raced(counted: Result<Turn, Error>) -> Result<Option<Turn>, Error> {
    match counted {
        Err(Error::Store(error)) if matches!(error.sql_state(), Some("40001" | "40P01")) => {
            tracing::info!(%error, "the letters are another's; looking again");
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// Counts letters of one shard. Halves of what the database refuses are tried alone, down to the letter that is to blame.
async fn count(store: &Store, work: &RedriveWork, shard: Shard, letters: Vec<&SetAside>) -> Result<Turn, Error> {
    let (readable, unreadable): (Vec<_>, Vec<_>) =
        letters.into_iter().partition(|letter| Figures::of(letter).is_some());
    let mut turn = Turn { redriven: 0, refused: events(&unreadable) };
    let mut parts = vec![readable.as_slice()];
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        let tally = fold(part);
        let halves = part.split_at(part.len() / 2);
        if part.len() > 1 && tally.minutes.len() + tally.votes.len() > KEYS_MAX {
            parts.extend([halves.1, halves.0]);
            continue;
        }
        match count_together(store, work, shard, (part, &tally)).await {
            Ok(()) => turn.redriven += tally.events,
            Err(error) if error.class() == Class::Poison && part.len() > 1 => parts.extend([halves.1, halves.0]),
            Err(error) if error.class() == Class::Poison => {
                tracing::warn!(letter = part[0].id, %error, "a dead letter stays: PostgreSQL refuses it still");
                turn.refused += part[0].events;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(turn)
}

async fn count_together(
    store: &Store,
    work: &RedriveWork,
    shard: Shard,
    what: (&[&SetAside], &Tally),
) -> Result<(), StoreError> {
    let (letters, tally) = what;
    let ids: Vec<i64> = letters.iter().map(|letter| letter.id).collect();
    for _ in 0..PARTITIONS_MAX {
        match store.redrive(work, shard, &ids, tally).await? {
            Redriven::Done { grown } if grown.is_empty() => return Ok(()),
            Redriven::Done { grown } => return store.compact(&grown).await.map(drop),
            Redriven::NeedPartition { level, start_s } => store.make_partition(level, start_s).await?,
        }
    }
    let answer = format!("more than {PARTITIONS_MAX} partitions for some letters");
    Err(StoreError::Answer { statement: "redrive", answer })
}

fn fold(letters: &[&SetAside]) -> Tally {
    let mut fold = Fold::new();
    letters.iter().filter_map(|letter| Figures::of(letter)).for_each(|figures| figures.add_to(&mut fold));
    fold.take()
}

fn events(letters: &[&SetAside]) -> u64 {
    letters.iter().map(|letter| letter.events).sum()
}
