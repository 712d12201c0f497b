//! Counts what was accepted, as a consumer does, one step at a time.

use tally_model::{Anchor, Batch, Crossing, Fold, Position, Shard, Step, judge};
use tally_store::{Applied, Keep};
use tally_stream::{Entry, EntryBody, decode};

use crate::door::{Door, SHARDS};

/// Applies everything that is in the log.
pub(crate) async fn count_all(door: &Door) {
    door.store.maintain(&Keep::default()).await.unwrap();
    for shard in Shard::all(SHARDS) {
        count(door, shard).await;
    }
}

async fn count(door: &Door, shard: Shard) {
    let at = door.store.position(shard).await.unwrap();
    let entries = door.log.read_from(shard, at.position(), 10_000, 64 << 20).await.unwrap();
    let Some(last) = entries.last() else { return };
    let anchor =
        Anchor { position: last.position, checksum: last.checksum, stamp_ms: last.stamp_ms, totals: last.totals };
    let mut batch = Batch {
        shard,
        prev: at.position(),
        lineage: at.lineage,
        last: anchor,
        crossings: Vec::new(),
        request_ids: Vec::new(),
        tally: Fold::new().take(),
        filtered: 0,
        dead_letters: Vec::new(),
    };
    let mut fold = Fold::new();
    let mut place = at.position();
    for entry in entries {
        let next = entry.position;
        gather(&mut batch, &mut fold, place, entry);
        place = next;
    }
    batch.tally = fold.take();
    loop {
        match door.store.apply(&batch).await.unwrap() {
            Applied::Done { .. } => return,
            Applied::NeedPartition { level, start_s } => door.store.make_partition(level, start_s).await.unwrap(),
            Applied::Lost { .. } => panic!("nobody else counts"),
        }
    }
}

fn gather(batch: &mut Batch, fold: &mut Fold, at: Position, entry: Entry) {
    match entry.body {
        EntryBody::Header(header) => {
            assert_eq!(judge(at, entry.position, Some(header.prev)), Step::NewEpoch);
            batch.crossings.push(Crossing {
                at,
                header: entry.position,
                kept: header.prev,
                totals: header.totals,
                incarnation: header.incarnation,
            });
        }
        EntryBody::Request { kind, format, payload } => {
            batch.request_ids.push(entry.request_id);
            fold.add(decode(kind, format, &payload).unwrap());
        }
        EntryBody::Damaged { reason, .. } => panic!("{reason}"),
    }
}
