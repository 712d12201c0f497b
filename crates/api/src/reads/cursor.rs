//! Where a page of endpoints ended: the window, the order, and the last row's place in it. Opaque to clients.

use std::fmt::Write as _;

use tally_model::{EndpointId, Level, Pieces, Window};

use crate::problem::Problem;
use crate::reads::sort::{Key, Sort};
use crate::reads::span::ASKED_S;

/// First field of every cursor; another version of it would be another form.
const VERSION: &str = "2";
/// Divides the fields; no service name has it (it is a control character).
const DIVIDER: char = '\u{1f}';

/// A place in a table of endpoints.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cursor {
    pub(crate) pieces: Pieces,
    pub(crate) sort: Sort,
    pub(crate) service: Option<String>,
    pub(crate) key: Key,
    pub(crate) id: EndpointId,
}

impl Cursor {
    /// The cursor as hexadecimal digits.
    pub(crate) fn encode(&self) -> String {
        let key = match &self.key {
            Key::Number(number) => format!("n{:x}", number.to_bits()),
            Key::Text(text) => format!("t{text}"),
            Key::Nothing => "-".to_owned(),
        };
        let fields = [
            VERSION.to_owned(),
            pieces_text(&self.pieces),
            self.sort.text(),
            self.service.clone().unwrap_or_default(),
            key,
            self.id.to_string(),
        ];
        let mut hex = String::new();
        for byte in fields.join(&DIVIDER.to_string()).bytes() {
            // Writing to a String does not fail.
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// 400, if it is not one of ours.
    pub(crate) fn decode(text: &str) -> Result<Self, Problem> {
        parse(text).ok_or_else(|| Problem::parameter("cursor", "expected what an answer gave as next, unchanged"))
    }
}

fn parse(text: &str) -> Option<Cursor> {
    let fields = unhex(text)?;
    let fields: Vec<&str> = fields.split(DIVIDER).collect();
    let [VERSION, pieces, sort, service, key, id] = fields[..] else { return None };
    let key = match key.split_at_checked(1)? {
        ("n", bits) => Key::Number(f64::from_bits(u64::from_str_radix(bits, 16).ok()?)),
        ("t", text) => Key::Text(text.to_owned()),
        _ => Key::Nothing,
    };
    Some(Cursor {
        pieces: pieces_of(pieces)?,
        sort: Sort::parse(sort).ok()?,
        service: (!service.is_empty()).then(|| service.to_owned()),
        key,
        id: EndpointId::from_raw(id.parse().ok()?),
    })
}

/// Level, first second and end of each piece: `hour 3600 7200`, divided by commas.
fn pieces_text(pieces: &Pieces) -> String {
    let text = |(level, window): (Level, Window)| format!("{} {} {}", level.name(), window.from_s, window.to_s);
    pieces.iter().map(text).collect::<Vec<_>>().join(",")
}

/// Pieces that are not those of a window are none that we gave.
fn pieces_of(text: &str) -> Option<Pieces> {
    let piece = |text: &str| {
        let fields: Vec<&str> = text.split(' ').collect();
        let [level, from_s, to_s] = fields[..] else { return None };
        let level = Level::ALL.into_iter().find(|known| known.name() == level)?;
        let window = Window { from_s: from_s.parse().ok()?, to_s: to_s.parse().ok()? };
        ASKED_S.contains(&window.from_s).then_some((level, window)).filter(|_| window.to_s < 2 * ASKED_S.end())
    };
    Pieces::checked(text.split(',').map(piece).collect::<Option<Vec<_>>>()?)
}

fn unhex(text: &str) -> Option<String> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).ok();
    String::from_utf8((0..text.len()).step_by(2).map(byte).collect::<Option<_>>()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(key: Key) -> Cursor {
        Cursor {
            pieces: Window { from_s: 60, to_s: 90_060 }.pieces(|_| i64::MIN),
            sort: Sort::parse("-p99").unwrap(),
            service: Some("größe".to_owned()),
            key,
            id: EndpointId::from_raw(4_172_787_017_804_934_708),
        }
    }

    #[test]
    fn round_trip() {
        for key in [Key::Number(12.34), Key::Number(0.0), Key::Text("/a b".to_owned()), Key::Nothing] {
            let cursor = cursor(key);
            assert_eq!(Cursor::decode(&cursor.encode()).unwrap(), cursor);
        }
    }

    #[test]
    fn what_is_not_ours() {
        let whole = cursor(Key::Nothing).encode();
        for bad in ["", "zz", "é1", "31", &whole[2..], &whole[..whole.len() - 1], &format!("{whole}7a")] {
            assert!(Cursor::decode(bad).is_err(), "{bad}");
        }
    }
}
