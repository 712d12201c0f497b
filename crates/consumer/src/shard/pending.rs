//! Entries folded and not yet applied.

use tally_model::{Anchor, Batch, Crossing, DeadLetter, Fold, Lineage, RequestId, Shard, Totals};
use tally_stream::{CodecError, Entry, EntryBody, Header, Kind, decode_with};

/// Reason of a dead letter: an entry, or part of one, that cannot be decoded.
pub(super) const UNDECODABLE: &str = "undecodable";
/// Reason of a dead letter, with the number of the format: an entry packed in a way that this program does not know.
const UNKNOWN_FORMAT: &str = "unknown_format_";

/// A stretch of the log, from the position in PostgreSQL to `tail`.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Last entry folded; the position in PostgreSQL when there is none.
    pub(super) tail: Anchor,
    /// Number of entries.
    pub(super) entries: usize,
    crossings: Vec<Crossing>,
    request_ids: Vec<RequestId>,
    fold: Fold,
    filtered: u64,
    dead_letters: Vec<DeadLetter>,
}

impl Pending {
    /// Nothing, after `base`.
    pub(super) fn at(base: Anchor) -> Self {
        Self { tail: base, ..Self::default() }
    }

    /// Drops everything and starts anew after `base`; what the fold knows of endpoints stays.
    pub(super) fn restart(&mut self, base: Anchor) {
        self.fold.take();
        *self = Self { fold: std::mem::take(&mut self.fold), ..Self::at(base) };
    }

    /// Whether there is nothing to apply.
    pub(super) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Rows that an apply would write.
    pub(super) fn keys(&self) -> usize {
        self.fold.keys() + self.dead_letters.len()
    }

    /// Bytes of what was set aside.
    pub(super) fn set_aside_bytes(&self) -> usize {
        self.dead_letters.iter().map(|letter| letter.payload.len()).sum()
    }

    /// Events folded.
    pub(super) fn events(&self) -> u64 {
        self.fold.events()
    }

    /// Whether it crosses a REGRESS: nothing may follow in the same batch.
    pub(super) fn crosses_regress(&self) -> bool {
        self.crossings.iter().any(Crossing::is_regress)
    }

    /// Adds the entry that comes next by the position rule. `is_counted`: its request was counted before a REGRESS.
    pub(super) fn add(&mut self, entry: Entry, is_counted: bool) {
        let before = self.tail;
        self.settle_totals(&entry);
        self.advance_to(&entry);
        match entry.body {
            EntryBody::Header(header) => self.cross(before, &header),
            EntryBody::Damaged { reason, payload } => {
                tracing::error!(position = %entry.position, reason, "set a damaged entry aside");
                self.request_ids.push(entry.request_id);
                self.set_entry_aside(&entry.position, entry.events, (UNDECODABLE.into(), &payload));
            }
            EntryBody::Request { kind, format, payload } => {
                self.request_ids.push(entry.request_id);
                if is_counted {
                    self.filtered += u64::from(entry.events);
                } else {
                    self.add_request(&entry.position, entry.events, (kind, format, &payload));
                }
            }
        }
    }

    /// What one apply commits; the next stretch starts at its end.
    pub(super) fn seal(&mut self, shard: Shard, base: &Anchor, lineage: Lineage) -> Batch {
        let mut tally = self.fold.take();
        tally.votes.shrink_to_fit();
        let batch = Batch {
            shard,
            prev: base.position,
            lineage,
            last: self.tail,
            crossings: std::mem::take(&mut self.crossings),
            request_ids: std::mem::take(&mut self.request_ids),
            tally,
            filtered: self.filtered,
            dead_letters: std::mem::take(&mut self.dead_letters),
        };
        self.restart(self.tail);
        batch
    }

    fn add_request(&mut self, at: &tally_model::Position, events: u32, packed: (Kind, u8, &[u8])) {
        let (kind, format, payload) = packed;
        let fold = &mut self.fold;
        let folded = decode_with(kind, format, payload, |decoded| {
            if decoded.len() as u64 != u64::from(events) {
                return Err(format!("it holds {} events, and its envelope says {events}", decoded.len()));
            }
            fold.add_raw(decoded).map_err(|error| error.to_string())
        });
        let (error, reason) = match folded {
            Ok(Ok(())) => return,
            Ok(Err(error)) => (error, UNDECODABLE.into()),
            Err(error) => (error.to_string(), reason_of(&error, format)),
        };
        tracing::error!(position = %at, error, "set an entry aside: it cannot be decoded");
        self.set_entry_aside(at, events, (reason, payload));
    }

    fn cross(&mut self, before: Anchor, header: &Header) {
        self.crossings.push(Crossing {
            at: before.position,
            header: self.tail.position,
            kept: header.prev,
            totals: header.totals,
            incarnation: header.incarnation.clone(),
        });
    }

    /// An envelope that could not be read has no figures; the next one's totals tell how many events it stood for.
    fn settle_totals(&mut self, entry: &Entry) {
        let through = entry.totals.events.saturating_sub(u64::from(entry.events));
        let missing = through.saturating_sub(self.tail.totals.events);
        let within_an_epoch = entry.position.epoch == self.tail.position.epoch;
        if within_an_epoch && missing > 0 {
            self.dead_letters.push(DeadLetter {
                position: self.tail.position,
                index: None,
                events: missing,
                reason: UNDECODABLE.into(),
                payload: Vec::new(),
            });
        }
    }

    fn advance_to(&mut self, entry: &Entry) {
        let unreadable = matches!(entry.body, EntryBody::Damaged { .. }) && entry.totals == Totals::default();
        let before = self.tail.totals;
        let totals = if unreadable { Totals { entries: before.entries + 1, ..before } } else { entry.totals };
        let stamp_ms = if unreadable { self.tail.stamp_ms } else { entry.stamp_ms };
        self.tail = Anchor { position: entry.position, checksum: entry.checksum, stamp_ms, totals };
        self.entries += 1;
    }

    fn set_entry_aside(&mut self, at: &tally_model::Position, events: u32, why: (Box<str>, &[u8])) {
        let (reason, payload) = why;
        self.dead_letters.push(DeadLetter {
            position: *at,
            index: None,
            events: u64::from(events),
            reason,
            payload: payload.to_vec(),
        });
    }
}

/// An entry that is whole, and only newer than this program, is set aside under a reason of its own: after an upgrade it can
/// be counted.
fn reason_of(error: &CodecError, format: u8) -> Box<str> {
    if *error == CodecError::UNKNOWN_FORMAT {
        return format!("{UNKNOWN_FORMAT}{format}").into();
    }
    UNDECODABLE.into()
}
