use proptest::prelude::*;
use tally_model::{DURATION_US_MAX, ENTRY_BYTES_MAX, EventBlock, Fold, Tally, Vote, varint};

use super::*;

/// Events as a client would send them: a few routes, mostly 200, durations spread over a decade, times close together.
fn block(events: usize) -> EventBlock {
    let mut block = EventBlock::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut time_ms = 1_770_000_000_000;
    for _ in 0..events {
        time_ms += next(20) as i64;
        let route = format!("/v1/resources/{}/{{id}}", next(20));
        let method = ["GET", "GET", "GET", "POST", "DELETE"][next(5) as usize];
        let status = [200, 200, 200, 200, 200, 201, 204, 404, 500][next(9) as usize];
        block.push(
            ["checkout", "search"][next(2) as usize],
            method,
            &route,
            (status, time_ms, Some(2_000 + next(60_000))),
        );
    }
    block
}

#[test]
fn measured_bytes() {
    for events in [1, 10, 100, 1_000, 10_000] {
        let payload = Payload::Events(block(events));
        let plain = match &payload {
            Payload::Events(block) => events::pack(block).len(),
            Payload::Votes(_) => 0,
        };
        let encoded = encode(&payload);
        let repeat = (200_000 / events).max(1);
        let time = |f: &dyn Fn()| {
            let start = std::time::Instant::now();
            (0..repeat).for_each(|_| f());
            start.elapsed().as_nanos() as f64 / (repeat * events) as f64
        };
        let pack_ns = time(&|| drop(encode(&payload)));
        let unpack_ns = time(&|| drop(decode(encoded.kind, encoded.format, &encoded.bytes)));
        println!(
            "{events:6} events: {:5.1} B/event packed (format {}), {:5.1} plain; encode {pack_ns:.0} ns/event, decode {unpack_ns:.0} ns/event",
            encoded.bytes.len() as f64 / events as f64,
            encoded.format,
            plain as f64 / events as f64
        );
        assert!(encoded.bytes.len() <= ENTRY_BYTES_MAX);
        // The guide of the design is 33 B at 100 events and 15 B at 1000, for 140 B of JSON.
        match events {
            100 => assert!(encoded.bytes.len() <= 33 * 100),
            1_000 => assert!(encoded.bytes.len() <= 15 * 1_000),
            _ => {}
        }
    }
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9._-]{1,20}"
}

fn events() -> impl Strategy<Value = Payload> {
    let duration = prop_oneof![Just(None), (0..=DURATION_US_MAX).prop_map(Some), (0..5_000_u64).prop_map(Some)];
    let time = prop_oneof![any::<i64>(), 1_700_000_000_000..1_700_000_100_000_i64];
    let event = (0..6_usize, 0..3_usize, "/[a-zé{}/]{0,30}", 100..600_u16, time, duration);
    prop::collection::vec(event, 0..80).prop_map(|events| {
        let mut block = EventBlock::new();
        for (service, method, route, status, time_ms, duration_us) in events {
            let service = ["a", "b", "größe", "d e", "f", "g"][service];
            block.push(service, ["GET", "PUT", "M-SEARCH"][method], &route, (status, time_ms, duration_us));
        }
        Payload::Events(block)
    })
}

fn votes() -> impl Strategy<Value = Payload> {
    let maybe = || prop::option::of(name());
    let vote = (name(), name(), maybe(), maybe(), maybe(), any::<i64>()).prop_map(|vote| Vote {
        poll: vote.0.into(),
        option: vote.1.into(),
        voter: vote.2.map(Into::into),
        source_ip: vote.3.map(Into::into),
        user_agent: vote.4.map(Into::into),
        time_ms: vote.5,
    });
    prop::collection::vec(vote, 0..60).prop_map(Payload::Votes)
}

fn payloads() -> impl Strategy<Value = Payload> {
    prop_oneof![events(), votes(), (1..400_usize).prop_map(|n| Payload::Events(block(n)))]
}

/// Gives a body its checksum, as an encoder with a mistake would.
fn sealed(kind: Kind, body: &[u8]) -> Vec<u8> {
    [&checksum(kind, PLAIN, body).to_le_bytes(), body].concat()
}

proptest! {
    #[test]
    fn round_trip(payload in payloads()) {
        let encoded = encode(&payload);
        prop_assert_eq!(encoded.events as usize, payload.len());
        prop_assert_eq!(decode(encoded.kind, encoded.format, &encoded.bytes), Ok(payload));
    }

    /// What is counted straight from the log is what is counted from a payload that was owned on the way.
    #[test]
    fn a_fold_need_not_own(payloads in prop::collection::vec(payloads(), 1..6)) {
        let (mut owning, mut reading) = (Fold::new(), Fold::new());
        for payload in &payloads {
            let Encoded { kind, format, bytes, .. } = encode(payload);
            owning.add(decode(kind, format, &bytes).unwrap());
            prop_assert_eq!(decode_with(kind, format, &bytes, |raw| reading.add_raw(raw)), Ok(Ok(())));
        }
        prop_assert_eq!(reading.take(), owning.take());
    }

    #[test]
    fn a_changed_byte_is_refused(payload in payloads(), at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let Encoded { kind, format, mut bytes, .. } = encode(&payload);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(decode(kind, format, &bytes).is_err());
    }

    #[test]
    fn a_cut_or_longer_payload_is_refused(payload in payloads(), at in any::<prop::sample::Index>(), more in any::<u8>()) {
        let Encoded { kind, format, mut bytes, .. } = encode(&payload);
        prop_assert!(decode(kind, format, &bytes[..at.index(bytes.len())]).is_err());
        bytes.push(more);
        prop_assert!(decode(kind, format, &bytes).is_err());
    }

    #[test]
    fn another_kind_or_format_is_refused(payload in payloads(), format in any::<u8>()) {
        let encoded = encode(&payload);
        let other = if encoded.kind == Kind::Events { Kind::Votes } else { Kind::Events };
        prop_assert!(decode(other, encoded.format, &encoded.bytes).is_err());
        prop_assume!(format != encoded.format);
        prop_assert!(decode(encoded.kind, format, &encoded.bytes).is_err());
    }

    /// Behind a right checksum anything may stand: it must be refused or be a payload in range, and never panic.
    #[test]
    fn a_mistaken_body_never_panics(payload in events(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let Payload::Events(block) = &payload else { return Ok(()) };
        let mut body = events::pack(block);
        let at = at.index(body.len());
        body[at] = to;
        if let Ok(Payload::Events(block)) = decode(Kind::Events, PLAIN, &sealed(Kind::Events, &body)) {
            prop_assert!(block.rows().iter().all(|row| (100..600).contains(&row.status)));
            prop_assert!(block.rows().iter().all(|row| row.duration_us.is_none_or(|us| us <= DURATION_US_MAX)));
            prop_assert!(block.rows().iter().all(|row| (row.endpoint as usize) < block.endpoints().len()));
        }
    }

    #[test]
    fn noise_never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for kind in [Kind::Events, Kind::Votes] {
            let _ = decode(kind, PLAIN, &sealed(kind, &body));
            let zstd = [&checksum(kind, ZSTD, &body).to_le_bytes(), &body[..]].concat();
            let _ = decode(kind, ZSTD, &zstd);
        }
    }
}

#[test]
fn ranges_are_refused_behind_a_right_checksum() {
    // One service "s", one method "GET", one endpoint "/", one status, one row, one time, a duration.
    let body = |method: &str, route: &str, status: u64, us: u64| {
        let mut body = vec![1, 1, b's', 1];
        pack::push_text(&mut body, method);
        body.extend([1, 0, 0]);
        pack::push_text(&mut body, route);
        body.push(1);
        varint::push(&mut body, status);
        body.extend([1, 2, 1]);
        varint::push(&mut body, us);
        body
    };
    let decoded = |body: Vec<u8>| decode(Kind::Events, PLAIN, &sealed(Kind::Events, &body));
    assert_eq!(decoded(body("GET", "/", 200, 5)).map(|payload| payload.len()), Ok(1));
    for bad in [
        body("G T", "/", 200, 5),
        body("GET", "x", 200, 5),
        body("GET", "/\n", 200, 5),
        body("GET", "/", 99, 5),
        body("GET", "/", 600, 5),
        body("GET", "/", 65_736, 5),
        body("GET", "/", 200, DURATION_US_MAX + 1),
    ] {
        assert!(decoded(bad.clone()).is_err(), "{bad:?}");
        let mut fold = Fold::new();
        let folded = decode_with(Kind::Events, PLAIN, &sealed(Kind::Events, &bad), |raw| fold.add_raw(raw));
        assert!(!matches!(folded, Ok(Ok(()))) && fold.take() == Tally::default(), "{bad:?}");
    }
}

#[test]
fn a_huge_count_allocates_nothing() {
    for body in [vec![0xff, 0xff, 0xff, 0xff, 0x0f], vec![0, 0, 0, 0, 0xff, 0xff, 3]] {
        assert!(decode(Kind::Events, PLAIN, &sealed(Kind::Events, &body)).is_err());
        assert!(decode(Kind::Votes, PLAIN, &sealed(Kind::Votes, &body)).is_err());
        let zstd = [&checksum(Kind::Events, ZSTD, &body).to_le_bytes(), &body[..]].concat();
        assert!(decode(Kind::Events, ZSTD, &zstd).is_err());
    }
}

#[test]
fn a_payload_tells_its_kind_and_format() {
    let votes = Payload::Votes(vec![Vote {
        poll: "lunch".into(),
        option: "soup".into(),
        voter: None,
        source_ip: None,
        user_agent: None,
        time_ms: 5,
    }]);
    for payload in [Payload::Events(block(3)), Payload::Events(block(500)), votes] {
        let encoded = encode(&payload);
        assert_eq!(decode_unlabelled(&encoded.bytes).as_ref(), Ok(&payload), "format {}", encoded.format);
        let mut damaged = encoded.bytes.clone();
        damaged[7] ^= 0x10;
        assert!(decode_unlabelled(&damaged).is_err());
    }
    // As a newer program would pack it.
    let rest = b"of tomorrow";
    let bytes = [&checksum(Kind::Events, 3, rest).to_le_bytes()[..], rest].concat();
    assert_eq!(decode(Kind::Events, 3, &bytes), Err(CodecError::UNKNOWN_FORMAT));
    assert!(decode_unlabelled(&bytes).is_err() && decode_unlabelled(b"").is_err());
}
