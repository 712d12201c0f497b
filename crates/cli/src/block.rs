//! Blocks: a fixed number of physical lines each, so that the same log always falls into the same blocks.

use std::fmt::Write as _;
use std::io::{self, BufRead, Read};
use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::line::LINE_BYTES_MAX;

/// Physical lines in a block; only the last block of a log has fewer. Changing it changes every key.
pub(crate) const BLOCK_LINES: usize = 2_000;
const _: () = assert!(BLOCK_LINES <= tally_model::REQUEST_EVENTS_MAX, "a block must fit into one request");

/// A run of physical lines of one log, as they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// Which block of its log this is, from 0; of a log that is followed, the byte at which it begins.
    pub(crate) number: u64,
    /// The number of its first line in the log, from 1.
    pub(crate) first_line: u64,
    /// The raw bytes, line ends included. Of a line beyond [`LINE_BYTES_MAX`] the rest is replaced by its SHA-256 in
    /// hex: the line still reads as too long, the key still depends on every byte, and memory stays bounded.
    pub(crate) bytes: Vec<u8>,
    /// Where each line ends in `bytes`.
    ends: Vec<usize>,
}

impl Block {
    /// At most [`BLOCK_LINES`] lines of a log that is followed, which begin at the byte `offset` with the line
    /// `first_line`.
    ///
    /// # Errors
    /// None, as `lines` are in memory.
    pub(crate) fn of(lines: &[u8], offset: u64, first_line: u64) -> io::Result<Self> {
        let block = Blocks::new(lines).next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))?;
        Ok(Self { number: offset, first_line, ..block })
    }

    /// How many physical lines it has.
    pub(crate) fn line_count(&self) -> usize {
        self.ends.len()
    }

    /// The line at `index`, its line end included.
    pub(crate) fn line(&self, index: usize) -> &[u8] {
        let range: Range<usize> = index.checked_sub(1).map_or(0, |before| self.ends[before])..self.ends[index];
        &self.bytes[range]
    }

    /// All lines in order.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.line_count()).map(|index| self.line(index))
    }
}

/// Cuts a log into [`Block`]s. After an error it ends, and the lines of the unfinished block are not given out: when the
/// whole log is there, that block will be another one.
pub(crate) struct Blocks<R> {
    reader: R,
    next_number: u64,
    ended: bool,
}

impl<R: BufRead> Blocks<R> {
    /// Cuts what `reader` gives.
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, next_number: 0, ended: false }
    }

    fn read_block(&mut self) -> io::Result<Option<Block>> {
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(BLOCK_LINES));
        while ends.len() < BLOCK_LINES {
            let before = bytes.len();
            read_line(&mut self.reader, &mut bytes)?;
            if bytes.len() == before {
                break;
            }
            ends.push(bytes.len());
        }
        let number = self.next_number;
        self.next_number += 1;
        let first_line = number * BLOCK_LINES as u64 + 1;
        Ok((!ends.is_empty()).then_some(Block { number, first_line, bytes, ends }))
    }
}

impl<R: BufRead> Iterator for Blocks<R> {
    type Item = io::Result<Block>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let block = self.read_block().transpose();
        self.ended = !matches!(block, Some(Ok(_)));
        block
    }
}

fn read_line(reader: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<()> {
    // Two bytes more than the limit leave room for the line end of a line that is just short enough.
    let limit = LINE_BYTES_MAX as u64 + 2;
    let length = reader.by_ref().take(limit).read_until(b'\n', bytes)?;
    if length as u64 == limit && bytes.last() != Some(&b'\n') {
        let rest = digest_of_rest(reader)?;
        bytes.extend_from_slice(rest.as_bytes());
        bytes.push(b'\n');
    }
    Ok(())
}

fn digest_of_rest(reader: &mut impl BufRead) -> io::Result<String> {
    let mut digest = Sha256::new();
    loop {
        let chunk = reader.fill_buf()?;
        let line_end = chunk.iter().position(|byte| *byte == b'\n');
        let length = line_end.map_or(chunk.len(), |at| at + 1);
        if length == 0 {
            break;
        }
        digest.update(&chunk[..length]);
        reader.consume(length);
        if line_end.is_some() {
            break;
        }
    }
    Ok(hex(&digest.finalize()))
}

/// `bytes` in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;
    use crate::line::{Line, Unreadable};

    fn blocks(log: &[u8]) -> Vec<Block> {
        Blocks::new(log).collect::<io::Result<_>>().unwrap()
    }

    #[test]
    fn a_log_is_cut_by_lines() {
        let log: String = (0..BLOCK_LINES * 2 + 1).map(|i| format!("line {i}\n")).collect();
        let cut = blocks(log.as_bytes());
        assert_eq!(cut.iter().map(Block::line_count).collect::<Vec<_>>(), [BLOCK_LINES, BLOCK_LINES, 1]);
        assert_eq!(cut.iter().flat_map(|block| block.bytes.clone()).collect::<Vec<_>>(), log.as_bytes());
        assert_eq!((cut[1].number, cut[1].first_line, cut[1].line(1)), (1, 2_001, &b"line 2001\n"[..]));
        assert_eq!(cut[2].lines().collect::<Vec<_>>(), [b"line 4000\n"]);
    }

    #[test]
    fn how_the_bytes_arrive_does_not_matter() {
        let log = b"a\n\nb\r\nlast without end".repeat(40);
        for capacity in [1, 2, 7, 4_096] {
            let cut: Vec<_> = Blocks::new(BufReader::with_capacity(capacity, &log[..])).map(Result::unwrap).collect();
            assert_eq!(cut, blocks(&log));
        }
        assert!(blocks(b"").is_empty());
        assert_eq!(blocks(b"\n").len(), 1);
    }

    #[test]
    fn an_absurd_line_is_bounded_but_every_byte_matters() {
        let log = |tail: &str| format!("before\n{}{tail}\nafter\n", "x".repeat(1_000_000)).into_bytes();
        let block = &blocks(&log("a"))[0];
        assert!(block.bytes.len() < LINE_BYTES_MAX + 200);
        assert_eq!(Line::parse(block.line(1)), Err(Unreadable::TooLong));
        assert_eq!((block.line_count(), block.line(2)), (3, &b"after\n"[..]));
        assert_ne!(*block, blocks(&log("b"))[0]);
    }

    #[test]
    fn the_longest_line_is_whole() {
        for (length, end, expected) in [
            (LINE_BYTES_MAX, "\r\n", Err(Unreadable::NoTime)),
            (LINE_BYTES_MAX, "", Err(Unreadable::NoTime)),
            (LINE_BYTES_MAX + 1, "\n", Err(Unreadable::TooLong)),
            (LINE_BYTES_MAX + 2, "", Err(Unreadable::TooLong)),
        ] {
            let log = format!("{}{end}", "x".repeat(length));
            let cut = blocks(log.as_bytes());
            assert_eq!((cut.len(), cut[0].line_count()), (1, 1));
            assert_eq!(Line::parse(cut[0].line(0)), expected, "{length} {end:?}");
        }
    }

    #[test]
    fn an_unfinished_block_is_not_given_out() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        }
        let log = "line\n".repeat(BLOCK_LINES + 5);
        let mut cut = Blocks::new(BufReader::new(log.as_bytes().chain(Broken)));
        assert!(cut.next().unwrap().is_ok());
        assert!(cut.next().unwrap().is_err());
        assert!(cut.next().is_none());
    }
}
