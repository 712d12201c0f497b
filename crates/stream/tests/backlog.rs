//! The limit of what is accepted and not yet applied.

use tally_stream::{Appended, Limits, Mirrored, Refused};

use crate::support::{SHARD, TestLog, accept, ask, keyed, limits, request};

#[tokio::test]
async fn a_full_backlog_of_events_refuses_until_it_is_applied() {
    let test = TestLog::open().await;
    let appender = test.log.appender(Limits { backlog_events: 10, ..limits() });
    let first = accept(&appender, keyed("k", 1, 6)).await;
    let last = accept(&appender, request(6)).await;
    assert_eq!(appender.append(request(1)).await.map_err(strip_bytes), Err(Refused::Backlog { events: 12, bytes: 0 }));
    assert_eq!(
        appender.append(request(100)).await.map_err(strip_bytes),
        Err(Refused::Backlog { events: 12, bytes: 0 })
    );
    // What was accepted before is answered, full or not.
    assert!(matches!(appender.append(keyed("k", 1, 6)).await, Ok(Appended::Duplicate { at, .. }) if at == first));
    assert_eq!(appender.append(keyed("k", 2, 6)).await, Err(Refused::KeyReused));
    assert_eq!(appender.append(ask("new", 1)).await, Ok(Appended::NothingToAppend));
    assert!(matches!(appender.append(keyed("new", 1, 1)).await, Err(Refused::Backlog { .. })));

    let anchor = test.anchor(last).await;
    assert_eq!(test.log.mirror(SHARD, 1, &anchor).await.unwrap(), Mirrored::Moved);
    accept(&appender, request(1)).await;
    assert_eq!(test.events().await, 13);
}

#[tokio::test]
async fn a_full_backlog_of_bytes_refuses_until_it_is_applied() {
    let test = TestLog::open().await;
    let appender = test.log.appender(Limits { backlog_bytes: 2_000, ..limits() });
    let mut last = test.header;
    let (events, bytes) = loop {
        match appender.append(request(50)).await {
            Ok(Appended::Accepted { at, .. }) => last = at,
            Err(Refused::Backlog { events, bytes }) => break (events, bytes),
            other => panic!("{other:?}"),
        }
        assert!(last.seq < 100);
    };
    let status = test.log.status(SHARD).await.unwrap();
    assert_eq!((status.totals.events, status.totals.bytes), (events, bytes));
    assert!((2_000..4_000).contains(&bytes), "{bytes}");
    let anchor = test.anchor(last).await;
    assert_eq!(test.log.mirror(SHARD, 1, &anchor).await.unwrap(), Mirrored::Moved);
    accept(&appender, request(1)).await;
}

fn strip_bytes(refused: Refused) -> Refused {
    match refused {
        Refused::Backlog { events, .. } => Refused::Backlog { events, bytes: 0 },
        other => other,
    }
}
