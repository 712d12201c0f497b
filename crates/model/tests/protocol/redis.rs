//! One shard in Redis: the log, what the scripts keep beside it, and what a crash leaves.

use tally_model::Position;

/// Number of a client's request; stands for the 16-byte request id.
pub(crate) type Request = u8;

/// What an entry carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Body {
    /// Opens an epoch: the last id that survived, and the incarnation of Redis that wrote it.
    Header { prev: Position, incarnation: u8 },
    /// One accepted request, worth one event.
    Request(Request),
}

/// One entry of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Entry {
    /// Its id.
    pub(crate) at: Position,
    /// The shard's events through it, as Redis counts them.
    pub(crate) total: u8,
    /// What it carries.
    pub(crate) body: Body,
}

impl Entry {
    /// What a header names as the last id that survived; `None` for a request.
    pub(crate) fn prev(&self) -> Option<Position> {
        match self.body {
            Body::Header { prev, .. } => Some(prev),
            Body::Request(_) => None,
        }
    }

    /// The request, if it is one.
    pub(crate) fn request(&self) -> Option<Request> {
        match self.body {
            Body::Request(request) => Some(request),
            Body::Header { .. } => None,
        }
    }
}

/// The shard's keys: all that the append-only file holds.
///
/// Script writes are atomic in memory and in the file, so the kept request ids are those in `log` and need no field of
/// their own; the same goes for the epoch and the incarnation in the meta hash (those of the last header).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Keys {
    /// Every entry that survived, trimmed ones too; readers see those from `retained_from`.
    pub(crate) log: Vec<Entry>,
    /// First id that trimming has left.
    pub(crate) retained_from: Position,
    /// Generation of PostgreSQL whose mirrors and trims are let in.
    pub(crate) generation: u8,
    /// Mirror of the applied position.
    pub(crate) mirror: Position,
    /// Cursor of the consumer group, which all readers of the group share.
    pub(crate) cursor: Position,
}

impl Keys {
    /// A shard that was just opened by incarnation 1.
    pub(crate) fn opened() -> Self {
        let body = Body::Header { prev: Position::GENESIS, incarnation: 1 };
        Self {
            log: vec![Entry { at: Position::new(1, 0), total: 0, body }],
            retained_from: Position::GENESIS,
            generation: 1,
            mirror: Position::GENESIS,
            cursor: Position::GENESIS,
        }
    }

    /// Last entry of the log; a shard that was opened has one.
    pub(crate) fn last(&self) -> Entry {
        *self.log.last().expect("an opened shard has a header")
    }

    /// The entry with this id, trimmed or not.
    pub(crate) fn entry_at(&self, at: Position) -> Option<&Entry> {
        self.log.iter().find(|entry| entry.at == at)
    }

    /// What a reader sees above `after`, as `XRANGE (after +` answers.
    pub(crate) fn read_from(&self, after: Position) -> impl Iterator<Item = &Entry> {
        self.log.iter().filter(move |entry| entry.at > after && entry.at >= self.retained_from)
    }

    fn opened_by(&self) -> u8 {
        let incarnation = |entry: &Entry| match entry.body {
            Body::Header { incarnation, .. } => Some(incarnation),
            Body::Request(_) => None,
        };
        self.log.iter().rev().find_map(incarnation).expect("an opened shard has a header")
    }

    /// `XADD <epoch>-*`: the server refuses an epoch below that of the last id.
    fn add(&mut self, epoch: u64, body: Body) -> Entry {
        let last = self.last();
        assert!(epoch >= last.at.epoch, "the server refuses a writer on an old epoch");
        let seq = if epoch == last.at.epoch { last.at.seq + 1 } else { 0 };
        let total = last.total + u8::from(matches!(body, Body::Request(_)));
        let entry = Entry { at: Position::new(epoch, seq), total, body };
        self.log.push(entry);
        entry
    }

    /// The append script: a header first when the incarnation changed, then the request unless its id is kept. Answers
    /// the id under which the request stands. The clock is the number of the incarnation.
    pub(crate) fn append(&mut self, incarnation: u8, request: Request) -> Position {
        if self.opened_by() != incarnation {
            let last = self.last().at;
            self.add((last.epoch + 1).max(u64::from(incarnation)), Body::Header { prev: last, incarnation });
        }
        match self.log.iter().find(|entry| entry.request() == Some(request)) {
            Some(kept) => kept.at,
            None => self.add(self.last().at.epoch, Body::Request(request)).at,
        }
    }

    /// The mirror script: forward only, and only for the generation that is let in. False: fenced.
    pub(crate) fn mirror(&mut self, generation: u8, position: Position) -> bool {
        if generation == self.generation {
            self.mirror = self.mirror.max(position);
        }
        generation == self.generation
    }

    /// The trim script: only for the generation that is let in, never at or above the mirror.
    pub(crate) fn trim(&mut self, generation: u8, below: Position) {
        if generation == self.generation && below <= self.mirror {
            self.retained_from = self.retained_from.max(below);
        }
    }

    /// Lets a generation in and sets the mirror, even backwards; false when a higher one is in.
    pub(crate) fn set_generation(&mut self, generation: u8, position: Position) -> bool {
        if generation < self.generation {
            return false;
        }
        self.generation = generation;
        self.mirror = position;
        true
    }
}

/// The Redis process and its disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Redis {
    /// What the process has in memory and answers from.
    pub(crate) keys: Keys,
    /// What is on disk, where that may be less than what was answered (`everysec`); `None`: the same.
    pub(crate) disk: Option<Box<Keys>>,
    /// Number of this start of the process; stands for `run_id:master_replid`.
    pub(crate) incarnation: u8,
}

impl Redis {
    /// The process dies, and one with another incarnation loads what is on disk.
    pub(crate) fn crash(&mut self) {
        if let Some(disk) = self.disk.as_deref() {
            self.keys = disk.clone();
        }
        self.incarnation += 1;
    }

    /// Everything so far reaches the disk.
    pub(crate) fn fsync(&mut self) {
        if self.disk.is_some() {
            self.disk = Some(Box::new(self.keys.clone()));
        }
    }
}
