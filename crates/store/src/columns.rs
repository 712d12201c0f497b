//! A batch as the arrays that `apply_batch_v1` takes.

use tally_model::{Batch, Crossing, DeadLetter, EndpointMinute, Shard, Tally, Vote};
use tokio_postgres::types::ToSql;

use crate::Error;
use crate::store::bigint;

/// Number of parameters of `apply_batch_v1`.
const PARAMETERS: usize = 52;

type Parameter<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// The parameters in the function's order.
pub(crate) struct Columns<'a>(Vec<Parameter<'a>>);

impl<'a> Columns<'a> {
    /// Turns rows into columns.
    ///
    /// # Errors
    /// [`Error::RegressInside`]: what is counted before a REGRESS must be applied before it, for only then are the
    /// totals at that place known.
    pub(crate) fn of(batch: &'a Batch) -> Result<Self, Error> {
        let opens = |(i, crossing): (usize, &Crossing)| i == 0 && crossing.at == batch.prev;
        if batch.crossings.iter().enumerate().any(|c| c.1.is_regress() && !opens(c)) {
            return Err(Error::RegressInside);
        }
        let mut columns = Self(Vec::with_capacity(PARAMETERS));
        columns.push_position(batch);
        columns.push_endpoints(&batch.tally);
        columns.push_minutes(&batch.tally.minutes);
        columns.push_votes(&batch.tally.votes);
        columns.push_dead_letters(&batch.dead_letters);
        columns.push_crossings(&batch.crossings);
        debug_assert_eq!(columns.0.len(), PARAMETERS);
        Ok(columns)
    }

    /// The parameters of `redrive_v1`: which letters, and their figures.
    pub(crate) fn of_letters(request: i64, shard: Shard, ids: &'a [i64], tally: &'a Tally) -> Self {
        let mut columns = Self(Vec::with_capacity(PARAMETERS));
        columns.push(request);
        columns.push(i32::from(shard.index()));
        columns.push(ids);
        columns.push(bigint(tally.events));
        columns.push_endpoints(tally);
        columns.push_minutes(&tally.minutes);
        columns.push_votes(&tally.votes);
        columns
    }

    /// The statement of apply.
    pub(crate) fn call() -> String {
        call_with("apply_batch_v1", PARAMETERS)
    }

    /// The statement that calls `function` with these parameters.
    pub(crate) fn call_of(&self, function: &str) -> String {
        call_with(function, self.0.len())
    }

    /// The parameters, borrowed.
    pub(crate) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.0.iter().map(|parameter| &**parameter as &(dyn ToSql + Sync)).collect()
    }

    fn push(&mut self, value: impl ToSql + Sync + Send + 'a) {
        self.0.push(Box::new(value));
    }

    fn push_each<T, V: ToSql + Sync + Send + 'a>(&mut self, rows: &'a [T], value: impl Fn(&'a T) -> V) {
        self.push(rows.iter().map(value).collect::<Vec<V>>());
    }

    fn push_position(&mut self, batch: &'a Batch) {
        let last = batch.last;
        self.push(i32::from(batch.shard.index()));
        let before = [batch.prev.epoch, batch.prev.seq, batch.lineage.generation];
        before.into_iter().for_each(|number| self.push(bigint(number)));
        self.push(batch.lineage.regress_chain);
        [last.position.epoch, last.position.seq].into_iter().for_each(|number| self.push(bigint(number)));
        self.push(i64::from(last.checksum));
        self.push(last.stamp_ms);
        let totals = [last.totals.entries, last.totals.events, last.totals.bytes];
        totals.into_iter().chain([batch.tally.events, batch.filtered]).for_each(|number| self.push(bigint(number)));
        self.push(batch.request_ids.iter().flat_map(|id| id.0).collect::<Vec<u8>>());
    }

    fn push_endpoints(&mut self, tally: &'a Tally) {
        let endpoints = &tally.endpoints;
        self.push_each(endpoints, |(id, _)| id.raw());
        self.push_each(endpoints, |(_, name)| name.service());
        self.push_each(endpoints, |(_, name)| name.method());
        self.push_each(endpoints, |(_, name)| name.route());
    }

    fn push_minutes(&mut self, minutes: &'a [EndpointMinute]) {
        self.push_each(minutes, |minute| minute.endpoint.raw());
        self.push_each(minutes, |minute| minute.start_s);
        self.push_each(minutes, |minute| bigint(minute.requests));
        for class in 0..5 {
            self.push_each(minutes, |minute| bigint(minute.status[class]));
        }
        self.push_each(minutes, |minute| bigint(minute.timed));
        self.push_each(minutes, |minute| bigint(minute.duration_sum_us));
        self.push_each(minutes, |minute| (minute.timed > 0).then(|| bigint(minute.duration_min_us)));
        self.push_each(minutes, |minute| (minute.timed > 0).then(|| bigint(minute.duration_max_us)));
        self.push_each(minutes, |minute| minute.sketch.encode());
    }

    fn push_votes(&mut self, votes: &'a [Vote]) {
        self.push_each(votes, |vote| &*vote.poll);
        self.push_each(votes, |vote| vote.voter.as_deref());
        self.push_each(votes, |vote| &*vote.option);
        self.push_each(votes, |vote| vote.source_ip.as_deref());
        self.push_each(votes, |vote| vote.user_agent.as_deref());
        self.push_each(votes, |vote| vote.time_ms);
    }

    fn push_dead_letters(&mut self, letters: &'a [DeadLetter]) {
        self.push_each(letters, |letter| bigint(letter.position.epoch));
        self.push_each(letters, |letter| bigint(letter.position.seq));
        self.push_each(letters, |letter| letter.index.map(|index| i32::try_from(index).unwrap_or(i32::MAX)));
        self.push_each(letters, |letter| bigint(letter.events));
        self.push_each(letters, |letter| &*letter.reason);
        self.push_each(letters, |letter| letter.payload.as_slice());
    }

    fn push_crossings(&mut self, crossings: &'a [Crossing]) {
        self.push_each(crossings, |crossing| bigint(crossing.at.epoch));
        self.push_each(crossings, |crossing| bigint(crossing.at.seq));
        self.push_each(crossings, |crossing| bigint(crossing.header.epoch));
        self.push_each(crossings, |crossing| bigint(crossing.header.seq));
        self.push_each(crossings, |crossing| bigint(crossing.kept.epoch));
        self.push_each(crossings, |crossing| bigint(crossing.kept.seq));
        self.push_each(crossings, |crossing| bigint(crossing.totals.events));
        self.push_each(crossings, |crossing| &*crossing.incarnation);
    }
}

fn call_with(function: &str, parameters: usize) -> String {
    let places: Vec<String> = (1..=parameters).map(|place| format!("${place}")).collect();
    format!("SELECT * FROM {function}({})", places.join(", "))
}
