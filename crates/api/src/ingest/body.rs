//! Reading a body, all of it and no more than allowed: 8 MB (a trace export 20 MiB) as it comes, and as much unpacked.

use std::future::{Future, poll_fn};
use std::io::Read;
use std::ops::Deref;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use serde::de::DeserializeOwned;
use tally_model::BODY_BYTES_MAX;

use crate::ingest::content::{self, Encoding};
use crate::ingest::deadline::Deadline;
use crate::ingest::room::{Held, Room};
use crate::problem::{Kind, Problem};

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of an over-long body that are read and thrown away, so that a client which writes before it reads still gets to
/// see the answer; then the connection is closed.
const DISCARDED_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;
/// Most bytes that are set aside for a body because it says how long it is; a longer one grows as it comes.
const RESERVED_BYTES_MAX: usize = 256 * 1024;
/// How much longer an unpacked body is taken to be at first: about as much as JSON of events shrinks.
const UNPACKED_TIMES: usize = 8;
/// A packed body above this many bytes is unpacked on a thread for blocking work.
const UNPACK_HERE_BYTES_MAX: usize = 64 * 1024;
/// Largest window of a zstd frame, as a power of two: 8 MiB, more than a body may be, and what `zstd -19` uses.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// A body as it comes.
pub(crate) trait Chunks: Stream<Item = Result<Bytes, PayloadError>> + Unpin {}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Chunks for S {}

/// A body, unpacked, with the room it takes.
pub(crate) struct Body<'r> {
    bytes: Bytes,
    _held: Held<'r>,
}

impl Deref for Body<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads the whole body, then unpacks it. It is read whatever is wrong with the request, because a connection with an
/// unread body cannot be used again.
///
/// # Errors
/// 400 (damaged), 408, 413, 415, or 503 while too many are being read.
pub(crate) async fn read<'r>(room: &'r Room, headers: &HeaderMap, payload: impl Chunks) -> Result<Body<'r>, Problem> {
    read_within(BODY_BYTES_MAX, room, headers, payload).await
}

/// The same with a limit of its own, in bytes.
///
/// # Errors
/// As [`read`].
pub(crate) async fn read_within<'r>(
    bytes_max: usize,
    room: &'r Room,
    headers: &HeaderMap,
    payload: impl Chunks,
) -> Result<Body<'r>, Problem> {
    let mut held = room.enter();
    let sent = in_time(gather(bytes_max, headers, payload, &mut held)).await?;
    let bytes = match content::encoding(headers)? {
        Encoding::Identity => sent,
        encoding if sent.len() <= UNPACK_HERE_BYTES_MAX => unpack(&sent, encoding, bytes_max)?,
        encoding => match web::block(move || unpack(&sent, encoding, bytes_max)).await {
            Ok(unpacked) => unpacked?,
            Err(_) => {
                let detail = "no thread is free to unpack the body; nothing was counted, send the same request again";
                return Err(Problem::new(Kind::Overloaded, detail));
            }
        },
    };
    held.take(bytes.len())?;
    Ok(Body { bytes, _held: held })
}

/// Reads a body that is one JSON object and says so.
///
/// # Errors
/// As [`read`], 415 for what is not called JSON, 400 or 422 for what is no object of the kind.
pub(crate) async fn object<T: DeserializeOwned>(
    room: &Room,
    headers: &HeaderMap,
    payload: impl Chunks,
) -> Result<T, Problem> {
    let body = read(room, headers, payload).await?;
    content::json(headers)?;
    crate::json::object(text(&body)?)
}

/// Reads a body that nobody wants, so that the connection can be used again.
///
/// # Errors
/// 408, 413.
pub(crate) async fn pass_over(payload: impl Chunks) -> Result<(), Problem> {
    in_time(async { discard(BODY_BYTES_MAX, payload).await }).await
}

/// Polls `reading` for the first time without asking to be woken. A connection hands over a body that came with its head after
/// that poll, and then polls again unasked; being woken for it besides, it would look for news once more, for a tenth of all that
/// a request costs. Where nobody polls again, the deadline does.
async fn in_time<T>(reading: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let (mut reading, mut deadline) = (pin!(reading), None::<Deadline>);
    poll_fn(|context| {
        let mut quiet = Context::from_waker(Waker::noop());
        let polled = reading.as_mut().poll(if deadline.is_none() { &mut quiet } else { context });
        if polled.is_ready() {
            return polled;
        }
        let deadline = deadline.get_or_insert_with(|| Deadline::set(BODY_TIMEOUT, context.waker()));
        if deadline.has_passed(context.waker()) { Poll::Ready(Err(late())) } else { Poll::Pending }
    })
    .await
}

fn late() -> Problem {
    let detail = format!("the body did not arrive within {} s; send it again", BODY_TIMEOUT.as_secs());
    Problem::new(Kind::BodyTimeout, detail).closing()
}

async fn gather(
    bytes_max: usize,
    headers: &HeaderMap,
    mut payload: impl Chunks,
    held: &mut Held<'_>,
) -> Result<Bytes, Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > bytes_max + DISCARDED_BYTES_MAX) {
        return Err(too_large(bytes_max, "as it was sent").closing());
    }
    // The first chunk is mostly the only one, and need not be copied.
    let (mut only, mut several) = (Bytes::new(), BytesMut::new());
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| broken(&error))?;
        if only.len() + several.len() + chunk.len() > bytes_max {
            drop((only, several));
            discard(bytes_max, payload).await?;
            return Err(too_large(bytes_max, "as it was sent"));
        }
        held.take(chunk.len())?;
        if only.is_empty() && several.is_empty() {
            only = chunk;
            continue;
        }
        if several.is_empty() {
            several.reserve(announced.unwrap_or_default().min(RESERVED_BYTES_MAX));
            several.extend_from_slice(&std::mem::take(&mut only));
        }
        several.extend_from_slice(&chunk);
    }
    Ok(if several.is_empty() { only } else { several.freeze() })
}

/// Reads on for a while and throws away what comes.
async fn discard(bytes_max: usize, mut payload: impl Chunks) -> Result<(), Problem> {
    let mut discarded = 0;
    while let Some(chunk) = payload.next().await {
        discarded += chunk.map_err(|error| broken(&error))?.len();
        if discarded > DISCARDED_BYTES_MAX {
            return Err(too_large(bytes_max, "as it was sent").closing());
        }
    }
    Ok(())
}

fn broken(error: &PayloadError) -> Problem {
    Problem::new(Kind::BadRequest, format!("the body broke off: {error}")).closing()
}

fn too_large(bytes_max: usize, how: &str) -> Problem {
    let detail = format!("the body is larger than {bytes_max} bytes {how}; send it in several requests");
    Problem::new(Kind::BodyTooLarge, detail)
}

fn unpack(sent: &[u8], encoding: Encoding, bytes_max: usize) -> Result<Bytes, Problem> {
    let unpacked = match encoding {
        Encoding::Identity => return Ok(Bytes::copy_from_slice(sent)),
        Encoding::Gzip => read_bounded(flate2::read::MultiGzDecoder::new(sent), sent.len(), bytes_max),
        Encoding::Zstd => zstd::stream::read::Decoder::with_buffer(sent).and_then(|mut decoder| {
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            read_bounded(decoder, sent.len(), bytes_max)
        }),
    };
    match unpacked {
        Ok(body) if body.len() > bytes_max => Err(too_large(bytes_max, "after decompression")),
        Ok(body) => Ok(body.into()),
        Err(error) => {
            let detail = format!("the body is not the {} it says it is: {error}", name(encoding));
            Err(Problem::new(Kind::DamagedEncoding, detail).on("Content-Encoding"))
        }
    }
}

/// Stops one byte above the limit, however much more would come.
fn read_bounded(decoder: impl Read, sent_bytes: usize, bytes_max: usize) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::with_capacity(sent_bytes.saturating_mul(UNPACKED_TIMES).min(bytes_max));
    decoder.take(bytes_max as u64 + 1).read_to_end(&mut body)?;
    Ok(body)
}

const fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Identity => "identity",
        Encoding::Gzip => "gzip",
        Encoding::Zstd => "zstd",
    }
}

/// The body as text.
///
/// # Errors
/// 400, if it is not UTF-8, saying where.
pub(crate) fn text(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body).map_err(|error| {
        let detail = format!("the body is not UTF-8: the byte at offset {} is not valid", error.valid_up_to());
        Problem::new(Kind::MalformedBody, detail)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn unpack(sent: &[u8], encoding: Encoding) -> Result<Bytes, Problem> {
        super::unpack(sent, encoding, BODY_BYTES_MAX)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn kind(found: Result<Bytes, Problem>) -> Kind {
        found.unwrap_err().kind()
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let members = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(unpack(&members, Encoding::Gzip).unwrap(), "one two");
        let frames = [zstd::encode_all(&b"one "[..], 3).unwrap(), zstd::encode_all(&b"two"[..], 19).unwrap()].concat();
        assert_eq!(unpack(&frames, Encoding::Zstd).unwrap(), "one two");
    }

    #[test]
    fn damage_is_found() {
        let gzipped = gzip(&b"x".repeat(10_000));
        let zstded = zstd::encode_all(&b"x".repeat(10_000)[..], 3).unwrap();
        for cut in [1, gzipped.len() / 2, gzipped.len() - 1] {
            assert_eq!(kind(unpack(&gzipped[..cut], Encoding::Gzip)), Kind::DamagedEncoding, "{cut}");
        }
        for cut in [1, zstded.len() / 2, zstded.len() - 1] {
            assert_eq!(kind(unpack(&zstded[..cut], Encoding::Zstd)), Kind::DamagedEncoding, "{cut}");
        }
        assert_eq!(kind(unpack(b"{}", Encoding::Gzip)), Kind::DamagedEncoding);
        assert_eq!(kind(unpack(b"{}", Encoding::Zstd)), Kind::DamagedEncoding);
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = vec![b' '; BODY_BYTES_MAX + 1];
        assert_eq!(kind(unpack(&gzip(&bomb), Encoding::Gzip)), Kind::BodyTooLarge);
        assert_eq!(kind(unpack(&zstd::encode_all(&bomb[..], 3).unwrap(), Encoding::Zstd)), Kind::BodyTooLarge);
        assert_eq!(unpack(&gzip(&bomb[1..]), Encoding::Gzip).unwrap().len(), BODY_BYTES_MAX);
    }
}
