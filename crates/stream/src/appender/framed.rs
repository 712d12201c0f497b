//! What the appender makes of requests before it sends them, without sending them, for `make bench-counts`.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use super::AppendRequest;
use super::flight::Call;
use super::pending::Pending;
use super::room::Room;
use super::sender::Sender;
use crate::error::Refused;

/// Limits that every call begins with; nothing looks at them here.
const LIMITS: [u64; 5] = [1_000_000; 5];

/// Calls of the append script.
#[derive(Debug, Default)]
pub struct Framed {
    /// Events in them.
    pub events: u64,
    /// As they go to Redis.
    pub bytes: Vec<u8>,
}

/// The calls that these requests become when all of them have gathered.
///
/// # Errors
/// As [`super::Appender::append`], if one has no place or is too large.
pub fn frame(requests: Vec<AppendRequest>) -> Result<Framed, Refused> {
    let room = Arc::new(Room::default());
    let admit = |request| Pending::admit(request, &room, Instant::now());
    let admitted = requests.into_iter().map(admit).collect::<Result<Vec<_>, _>>()?;
    // Nothing is sent for callers that are gone.
    let (mut queue, _waiting): (VecDeque<_>, Vec<_>) = admitted.into_iter().unzip();
    let (mut framed, mut sender) = (Framed::default(), Sender::new());
    while let Some(call) = Call::take(&mut queue, &mut sender) {
        framed.events += call.events();
        framed.bytes.extend(call.command(&LIMITS, &sender).get_packed_command());
    }
    Ok(framed)
}
