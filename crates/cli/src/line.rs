//! One line of an access log: common, combined, or nginx's combined followed by `$request_time`.
//!
//! A line counts when its request starts with a method token (RFC 9110 §5.6.2) and its status is 100–599; a line cut
//! off after its status counts too. A request of `-` is the log's way to say that there was none.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use tally_model::{DURATION_US_MAX, METHOD_CHARS_MAX};

/// Longest line that is read, in bytes; servers refuse requests long before (8 KiB a header line).
pub(crate) const LINE_BYTES_MAX: usize = 32 * 1024;

/// Length of `17/May/2015:10:05:03 +0000`, in bytes.
const TIME_BYTES: usize = 26;

/// The month names that logs use, in English whatever the server's language.
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// What a line says, borrowed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The method, an RFC 9110 token.
    pub(crate) method: &'a str,
    /// The request target as logged, without the HTTP version; empty when the request had none.
    pub(crate) target: &'a [u8],
    /// When the request was received, in seconds since 1970.
    pub(crate) unix_seconds: i64,
    /// The response status, 100–599.
    pub(crate) status: u16,
    /// How long it took in microseconds, when the log says so.
    pub(crate) duration_us: Option<u64>,
}

/// Why a line does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Nothing on it.
    #[error("empty line")]
    Empty,
    /// Longer than [`LINE_BYTES_MAX`].
    #[error("longer than 32 KiB")]
    TooLong,
    /// No `[17/May/2015:10:05:03 +0000] "` on it: another format.
    #[error("no [time] before a quoted request")]
    NoTime,
    /// A time that no calendar has.
    #[error("no such time")]
    BadTime,
    /// The line ends inside its request.
    #[error("the request has no closing quote")]
    OpenRequest,
    /// The server logged `-`: a connection without a request.
    #[error("no request was sent")]
    NoRequest,
    /// TLS bytes, port scans.
    #[error("the request does not start with a method")]
    NoMethod,
    /// A status outside 100–599, or none.
    #[error("no status from 100 to 599")]
    NoStatus,
}

impl<'a> Line<'a> {
    /// Reads one line; its line end may still be there.
    ///
    /// # Errors
    /// [`Unreadable`] when the line does not count.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, Unreadable> {
        let line = without_line_end(line);
        if line.is_empty() {
            return Err(Unreadable::Empty);
        }
        if line.len() > LINE_BYTES_MAX {
            return Err(Unreadable::TooLong);
        }
        let (time, after) = find_time(line).ok_or(Unreadable::NoTime)?;
        let (request, after) = quoted(after).ok_or(Unreadable::OpenRequest)?;
        let (method, target) = method_and_target(request)?;
        let (status, after) = leading_status(after).ok_or(Unreadable::NoStatus)?;
        let unix_seconds = unix_seconds(time).ok_or(Unreadable::BadTime)?;
        Ok(Self { method, target, unix_seconds, status, duration_us: request_time_us(after) })
    }
}

/// `line` without `\n` or `\r\n`.
pub(crate) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The time and what follows the quote that opens the request.
///
/// Host and user come before and may hold brackets (IPv6, odd names) but no bare quote: servers escape it. So the first
/// bracket pair of the right length with `] "` behind it is the one the server wrote.
fn find_time(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = 0;
    while let Some(open) = line[from..].iter().position(|b| *b == b'[') {
        let start = from + open + 1;
        let end = start + TIME_BYTES;
        if line.get(end..end + 3) == Some(b"] \"") {
            return Some((&line[start..end], &line[end + 3..]));
        }
        from = start;
    }
    None
}

/// The text up to the closing quote, and what follows it. A backslash escapes the next byte (`\"`, `\\`, `\x22`).
fn quoted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut i = 0;
    loop {
        i += bytes.get(i..)?.iter().position(|b| matches!(b, b'"' | b'\\'))?;
        if bytes[i] == b'"' {
            return Some((&bytes[..i], &bytes[i + 1..]));
        }
        i += 2;
    }
}

fn method_and_target(request: &[u8]) -> Result<(&str, &[u8]), Unreadable> {
    if request == b"-" {
        return Err(Unreadable::NoRequest);
    }
    let length = request.iter().position(|b| !is_tchar(*b)).unwrap_or(request.len());
    let (token, rest) = request.split_at(length);
    let ends = rest.is_empty() || rest[0] == b' ';
    if length == 0 || length > METHOD_CHARS_MAX || !ends {
        return Err(Unreadable::NoMethod);
    }
    let method = std::str::from_utf8(token).map_err(|_| Unreadable::NoMethod)?;
    Ok((method, without_version(rest.trim_ascii())))
}

/// `/a b HTTP/1.1` → `/a b`: a target may hold bare spaces, so the version is looked for from the end.
fn without_version(rest: &[u8]) -> &[u8] {
    let last = rest.iter().rposition(|b| *b == b' ').map_or(0, |space| space + 1);
    if rest[last..].starts_with(b"HTTP/") { rest[..last].trim_ascii_end() } else { rest }
}

fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn leading_status(after: &[u8]) -> Option<(u16, &[u8])> {
    let digits = after.strip_prefix(b" ")?;
    let (token, rest) = digits.split_at_checked(3)?;
    let ends = rest.is_empty() || rest[0] == b' ';
    let status = number(token)?;
    (ends && (100..=599).contains(&status)).then_some((u16::try_from(status).ok()?, rest))
}

/// nginx's `$request_time` behind the user agent: seconds with a decimal point. A whole number there is another field
/// (Apache's `%D` is microseconds), so it is left alone; more than the API takes (24 h) is no duration either.
fn request_time_us(after_status: &[u8]) -> Option<u64> {
    if !after_status.trim_ascii_end().last()?.is_ascii_digit() {
        return None;
    }
    let after_bytes = after_status.trim_ascii_start();
    let space = after_bytes.iter().position(|b| *b == b' ')?;
    let (_referer, after) = quoted(after_bytes[space..].strip_prefix(b" \"")?)?;
    let (_user_agent, after) = quoted(after.strip_prefix(b" \"")?)?;
    let field = after.strip_prefix(b" ")?;
    let end = field.iter().position(|b| *b == b' ').unwrap_or(field.len());
    seconds_to_us(&field[..end]).filter(|us| *us <= DURATION_US_MAX)
}

fn seconds_to_us(field: &[u8]) -> Option<u64> {
    let point = field.iter().position(|b| *b == b'.')?;
    let (whole, fraction) = (&field[..point], &field[point + 1..]);
    if whole.len() > 9 || fraction.len() > 6 {
        return None;
    }
    let scale = 10_u64.pow(6 - u32::try_from(fraction.len()).ok()?);
    Some(number(whole)? * 1_000_000 + number(fraction)? * scale)
}

/// `17/May/2015:10:05:03 +0000` in seconds since 1970. A leap second counts as the second before it.
fn unix_seconds(time: &[u8]) -> Option<i64> {
    let marks = [(2, b'/'), (6, b'/'), (11, b':'), (14, b':'), (17, b':'), (20, b' ')];
    if marks.iter().any(|(at, mark)| time[*at] != *mark) {
        return None;
    }
    let month = i8::try_from(MONTHS.iter().position(|name| name[..] == time[3..6])?).ok()? + 1;
    let date = Date::new(i16::try_from(number(&time[7..11])?).ok()?, month, small(&time[0..2])?).ok()?;
    let second = small(&time[18..20]).filter(|second| *second <= 60)?.min(59);
    let clock = Time::new(small(&time[12..14])?, small(&time[15..17])?, second, 0).ok()?;
    let ahead = zone_seconds(&time[21..])?;
    let utc: Timestamp = Offset::UTC.to_timestamp(DateTime::from_parts(date, clock)).ok()?;
    Some(utc.as_second() - ahead)
}

/// `+0130` → 5,400: how far local time is ahead of UTC.
fn zone_seconds(zone: &[u8]) -> Option<i64> {
    let (hours, minutes) = (small(&zone[1..3])?, small(&zone[3..5])?);
    let seconds = i64::from(hours) * 3_600 + i64::from(minutes) * 60;
    match zone[0] {
        _ if hours > 23 || minutes > 59 => None,
        b'+' => Some(seconds),
        b'-' => Some(-seconds),
        _ => None,
    }
}

fn small(digits: &[u8]) -> Option<i8> {
    i8::try_from(number(digits)?).ok()
}

/// Decimal digits and nothing else; callers bound the length.
fn number(digits: &[u8]) -> Option<u64> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all.then(|| digits.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0')))
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
