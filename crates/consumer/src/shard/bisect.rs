//! Within an entry that the database refuses: finding the guilty events, so that only they are set aside.

use serde_json::json;
use tally_model::{Batch, DeadLetter, EventBlock, Fold, Payload, Tally};
use tally_store::{Class, Error as StoreError};
use tally_stream::{EntryBody, decode};

use super::Counter;
use super::settle::Settled;
use crate::error::Error;

/// Reason of a dead letter: the database can never take it.
const REFUSED: &str = "refused_by_database";

impl Counter {
    /// `batch` holds one entry, and is refused. Its guilty events become dead letters of the same commit; if what is left
    /// is still refused, the whole entry does.
    pub(super) async fn set_guilty_aside(&mut self, mut batch: Batch, refusal: &StoreError) -> Result<(), Error> {
        let Some((payload, packed)) = self.entry_of(&batch).await? else {
            // A header, or nothing that could be set aside.
            let reason = format!("PostgreSQL refuses the entry at {}: {refusal}", batch.last.position);
            return self.halt(reason).await;
        };
        let guilty = self.find_guilty(&batch, &payload).await?;
        tracing::error!(shard = %self.shard, position = %batch.last.position, events = guilty.len(), %refusal,
            "set events aside that PostgreSQL refuses");
        let all = batch.tally.events;
        batch.tally = fold(without(&payload, &guilty));
        batch.dead_letters = guilty.iter().map(|index| letter(&batch, &payload, *index)).collect();
        match self.settle(&batch, 1).await {
            Settled::Refused(_) => {}
            settled => return self.conclude(&batch, settled).await,
        }
        batch.tally = Tally::default();
        let whole = (None, all, packed);
        batch.dead_letters = vec![dead_letter(&batch, whole)];
        match self.settle(&batch, 1).await {
            Settled::Refused(error) => {
                let reason =
                    format!("PostgreSQL refuses even to set the entry at {} aside: {error}", batch.last.position);
                self.halt(reason).await
            }
            settled => self.conclude(&batch, settled).await,
        }
    }

    async fn conclude(&mut self, batch: &Batch, settled: Settled) -> Result<(), Error> {
        if let Settled::Committed = settled {
            return self.follow_up(batch).await;
        }
        self.forget();
        Ok(())
    }

    /// The entry's events, and its payload as it stands in the log. `None` for what holds no events.
    async fn entry_of(&self, batch: &Batch) -> Result<Option<(Payload, Vec<u8>)>, Error> {
        let entry = self.desk.log.entry_at(self.shard, batch.last.position).await?;
        Ok(match entry.map(|entry| entry.body) {
            Some(EntryBody::Request { kind, format, payload }) => {
                decode(kind, format, &payload).ok().map(|decoded| (decoded, payload.to_vec()))
            }
            Some(EntryBody::Header(_) | EntryBody::Damaged { .. }) | None => None,
        })
    }

    /// Indexes of the events that the database refuses, ascending: halves that it takes are left alone. Fewer than twice
    /// as many probes as there are events.
    async fn find_guilty(&self, batch: &Batch, payload: &Payload) -> Result<Vec<u32>, Error> {
        let mut guilty = Vec::new();
        let mut ranges = vec![(0, payload.len())];
        while let Some((from, to)) = ranges.pop() {
            if !self.is_refused(batch, part(payload, from, to)).await? {
                continue;
            }
            if to - from == 1 {
                guilty.extend(u32::try_from(from));
            } else {
                let middle = usize::midpoint(from, to);
                ranges.extend([(middle, to), (from, middle)]);
            }
        }
        Ok(guilty)
    }

    async fn is_refused(&self, batch: &Batch, part: Payload) -> Result<bool, Error> {
        let probe = Batch { tally: fold(part), dead_letters: Vec::new(), request_ids: Vec::new(), ..batch.clone() };
        match self.desk.store.probe(&probe).await {
            Ok(()) => Ok(false),
            Err(error) if error.class() == Class::Poison => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

fn fold(payload: Payload) -> Tally {
    let mut fold = Fold::new();
    fold.add(payload);
    fold.take()
}

fn part(payload: &Payload, from: usize, to: usize) -> Payload {
    pick(payload, |index| (from..to).contains(&index))
}

fn without(payload: &Payload, guilty: &[u32]) -> Payload {
    pick(payload, |index| !guilty.iter().any(|guilty| *guilty as usize == index))
}

fn pick(payload: &Payload, is_wanted: impl Fn(usize) -> bool) -> Payload {
    match payload {
        Payload::Events(block) => {
            let mut picked = EventBlock::new();
            for (_, row) in block.rows().iter().enumerate().filter(|(index, _)| is_wanted(*index)) {
                let name = &block.endpoints()[row.endpoint as usize];
                picked.push(name.service(), name.method(), name.route(), (row.status, row.time_ms, row.duration_us));
            }
            Payload::Events(picked)
        }
        Payload::Votes(votes) => {
            let wanted = votes.iter().enumerate().filter(|(index, _)| is_wanted(*index));
            Payload::Votes(wanted.map(|(_, vote)| vote.clone()).collect())
        }
    }
}

fn letter(batch: &Batch, payload: &Payload, index: u32) -> DeadLetter {
    let event = match payload {
        Payload::Events(block) => {
            let row = &block.rows()[index as usize];
            let name = &block.endpoints()[row.endpoint as usize];
            json!({"service": name.service(), "method": name.method(), "route": name.route(), "status": row.status,
                "time_ms": row.time_ms, "duration_us": row.duration_us})
        }
        Payload::Votes(votes) => {
            let vote = &votes[index as usize];
            json!({"poll": vote.poll, "option": vote.option, "voter": vote.voter, "source_ip": vote.source_ip,
                "user_agent": vote.user_agent, "time_ms": vote.time_ms})
        }
    };
    dead_letter(batch, (Some(index), 1, event.to_string().into_bytes()))
}

fn dead_letter(batch: &Batch, what: (Option<u32>, u64, Vec<u8>)) -> DeadLetter {
    let (index, events, payload) = what;
    DeadLetter { position: batch.last.position, index, events, reason: REFUSED.into(), payload }
}
