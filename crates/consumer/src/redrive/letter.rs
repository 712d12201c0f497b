//! What a dead letter holds, in figures that can be counted.

use serde::Deserialize;
use tally_model::{EndpointMinute, EndpointName, EventBlock, Fold, Payload, Sketch, Vote};
use tally_store::SetAside;
use tally_stream::decode_unlabelled;

/// What a letter holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Figures {
    /// Events or votes.
    Payload(Payload),
    /// Counts of one endpoint in one minute.
    Minute(EndpointName, Box<EndpointMinute>),
}

/// One event that was set aside alone, as `shard/bisect.rs` writes it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Single {
    Request {
        service: String,
        method: String,
        route: String,
        status: u16,
        time_ms: i64,
        duration_us: Option<u64>,
    },
    Vote {
        poll: String,
        option: String,
        voter: Option<Box<str>>,
        source_ip: Option<Box<str>>,
        user_agent: Option<Box<str>>,
        time_ms: i64,
    },
}

/// Counts that were too late for every level, as `set_aside_late` writes them.
#[derive(Deserialize)]
struct Late {
    service: String,
    method: String,
    route: String,
    start: jiff::Timestamp,
    requests: u64,
    status: [u64; 5],
    timed: u64,
    duration_sum_us: u64,
    duration_min_us: Option<u64>,
    duration_max_us: Option<u64>,
    sketch: String,
}

impl Figures {
    /// Reads a letter; `None` where this program cannot, or where it holds other events than it says.
    pub(super) fn of(letter: &SetAside) -> Option<Self> {
        let figures = match (letter.index, letter.payload.first()) {
            (Some(_), _) => Self::of_single(&letter.payload)?,
            (None, Some(b'{')) => Self::of_late(&letter.payload).or_else(|| Self::of_entry(&letter.payload))?,
            (None, _) => Self::of_entry(&letter.payload)?,
        };
        (figures.events() == letter.events).then_some(figures)
    }

    /// Adds them to a fold.
    pub(super) fn add_to(self, fold: &mut Fold) {
        match self {
            Self::Payload(payload) => fold.add(payload),
            Self::Minute(name, minute) => fold.add_minute(&name, &minute),
        }
    }

    fn events(&self) -> u64 {
        match self {
            Self::Payload(payload) => payload.len() as u64,
            Self::Minute(_, minute) => minute.requests,
        }
    }

    fn of_entry(payload: &[u8]) -> Option<Self> {
        decode_unlabelled(payload).ok().map(Self::Payload)
    }

    fn of_single(json: &[u8]) -> Option<Self> {
        Some(Self::Payload(match serde_json::from_slice(json).ok()? {
            Single::Request { service, method, route, status, time_ms, duration_us } => {
                let mut block = EventBlock::new();
                block.push(&service, &method, &route, (status, time_ms, duration_us));
                Payload::Events(block)
            }
            Single::Vote { poll, option, voter, source_ip, user_agent, time_ms } => {
                let (poll, option) = (poll.into(), option.into());
                Payload::Votes(vec![Vote { poll, option, voter, source_ip, user_agent, time_ms }])
            }
        }))
    }

    fn of_late(json: &[u8]) -> Option<Self> {
        let late: Late = serde_json::from_slice(json).ok()?;
        let name = EndpointName::new(&late.service, &late.method, &late.route);
        let minute = EndpointMinute {
            endpoint: name.id(),
            start_s: late.start.as_second(),
            requests: late.requests,
            status: late.status,
            timed: late.timed,
            duration_sum_us: late.duration_sum_us,
            duration_min_us: late.duration_min_us.unwrap_or(u64::MAX),
            duration_max_us: late.duration_max_us.unwrap_or_default(),
            sketch: Sketch::decode(&unhex(&late.sketch)?).ok()?,
        };
        let is_whole = late.status.iter().sum::<u64>() == late.requests && minute.sketch.count() == late.timed;
        is_whole.then(|| Self::Minute(name, Box::new(minute)))
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use tally_model::{Position, Shard};

    use super::*;

    fn letter(index: Option<u32>, events: u64, payload: &[u8]) -> SetAside {
        let (shard, position) = (Shard::new(0), Position::new(1, 1));
        SetAside { id: 1, shard, position, index, events, reason: "r".into(), payload: payload.to_vec(), at_ms: 0 }
    }

    #[test]
    fn entries_events_votes_and_counts_are_read() {
        let event = br#"{"service":"s","method":"GET","route":"/","status":200,"time_ms":60000,"duration_us":null}"#;
        assert!(matches!(Figures::of(&letter(Some(3), 1, event)), Some(Figures::Payload(Payload::Events(_)))));
        let vote = br#"{"poll":"p","option":"o","voter":"v","source_ip":null,"user_agent":null,"time_ms":5}"#;
        assert!(matches!(Figures::of(&letter(Some(0), 1, vote)), Some(Figures::Payload(Payload::Votes(_)))));
        let mut sketch = Sketch::new();
        sketch.insert(10);
        let hex: String = sketch.encode().iter().map(|byte| format!("{byte:02x}")).collect();
        let late = format!(
            r#"{{"service":"s","method":"GET","route":"/","start":"2026-03-10T12:00:00+00:00","requests":2,"status":[0,2,0,0,0],
                "timed":1,"duration_sum_us":10,"duration_min_us":10,"duration_max_us":10,"sketch":"{hex}"}}"#
        );
        let Some(Figures::Minute(name, minute)) = Figures::of(&letter(None, 2, late.as_bytes())) else { panic!() };
        assert_eq!((name.service(), minute.start_s, minute.requests), ("s", 1_773_144_000, 2));
        let payload = Payload::Votes(vec![Vote {
            poll: "p".into(),
            option: "o".into(),
            voter: None,
            source_ip: None,
            user_agent: None,
            time_ms: 0,
        }]);
        let packed = tally_stream::encode(&payload).bytes;
        assert_eq!(Figures::of(&letter(None, 1, &packed)), Some(Figures::Payload(payload)));
        for (events, payload) in [(2, &packed[..]), (1, &packed[..5]), (1, b""), (1, b"{}"), (3, late.as_bytes())] {
            assert_eq!(Figures::of(&letter(None, events, payload)), None);
        }
        assert_eq!(Figures::of(&letter(Some(0), 1, b"{\"service\":1}")), None);
    }
}
