//! The body of a run of votes.
//!
//! ```text
//! texts    count, texts   distinct, in order of first use
//! rows     count
//! columns  poll, option, voter, source ip, user agent: index into the texts + 1, 0 for none; then times as zigzag
//!          differences in ms
//! ```

use std::collections::HashMap;

use tally_model::{USER_AGENT_CHARS_MAX, Vote, option_name, poll_name, varint, voter_name};

use super::pack::{Unpack, push_text, push_times};
use super::{CodecError, ENTRY_EVENTS_MAX};

/// Texts that a vote has at most.
const TEXTS_OF_A_VOTE: usize = 5;
/// Longest source address in bytes: an IPv6 address with an IPv4 tail and a zone fits.
const SOURCE_IP_BYTES_MAX: usize = 100;

fn texts_of(vote: &Vote) -> [Option<&str>; TEXTS_OF_A_VOTE] {
    [Some(&vote.poll), Some(&vote.option), vote.voter.as_deref(), vote.source_ip.as_deref(), vote.user_agent.as_deref()]
}

pub(super) fn pack(votes: &[Vote]) -> Vec<u8> {
    let mut places: HashMap<&str, u64> = HashMap::new();
    let mut texts: Vec<&str> = Vec::new();
    for text in votes.iter().flat_map(texts_of).flatten() {
        places.entry(text).or_insert_with(|| {
            texts.push(text);
            texts.len() as u64
        });
    }
    let mut body = Vec::with_capacity(64 + votes.len() * 16);
    varint::push(&mut body, texts.len() as u64);
    texts.iter().for_each(|text| push_text(&mut body, text));
    varint::push(&mut body, votes.len() as u64);
    for column in 0..TEXTS_OF_A_VOTE {
        for vote in votes {
            let place = texts_of(vote)[column].and_then(|text| places.get(text).copied());
            varint::push(&mut body, place.unwrap_or(0));
        }
    }
    push_times(&mut body, votes.iter().map(|vote| vote.time_ms));
    body
}

pub(super) fn unpack(body: &mut Unpack<'_>) -> Result<Vec<Vote>, CodecError> {
    let texts = body.texts(ENTRY_EVENTS_MAX * TEXTS_OF_A_VOTE)?;
    let rows = body.count_of_bytes(ENTRY_EVENTS_MAX)?;
    let polls = unpack_column(body, &texts, rows, |text| poll_name(text).is_ok())?;
    let options = unpack_column(body, &texts, rows, |text| option_name(text).is_ok())?;
    let voters = unpack_column(body, &texts, rows, |text| voter_name(text).is_ok())?;
    let sources = unpack_column(body, &texts, rows, |text| text.len() <= SOURCE_IP_BYTES_MAX && !text.contains('\0'))?;
    let agents = unpack_column(body, &texts, rows, is_user_agent)?;
    let mut times = vec![0; rows];
    body.times(times.iter_mut())?;
    let owned = |text: Option<&str>| text.map(Box::from);
    let vote = |i: usize| {
        let (poll, option) = (owned(polls[i]), owned(options[i]));
        Ok(Vote {
            poll: poll.ok_or(CodecError("a vote without a poll"))?,
            option: option.ok_or(CodecError("a vote without an option"))?,
            voter: owned(voters[i]),
            source_ip: owned(sources[i]),
            user_agent: owned(agents[i]),
            time_ms: times[i],
        })
    };
    (0..rows).map(vote).collect()
}

/// PostgreSQL keeps any text but one with NUL.
fn is_user_agent(text: &str) -> bool {
    text.chars().count() <= USER_AGENT_CHARS_MAX && !text.contains('\0')
}

fn unpack_column<'a>(
    body: &mut Unpack<'_>,
    texts: &[&'a str],
    rows: usize,
    valid: impl Fn(&str) -> bool,
) -> Result<Vec<Option<&'a str>>, CodecError> {
    let text = |_| match usize::try_from(body.varint()?).unwrap_or(usize::MAX) {
        0 => Ok(None),
        place => match texts.get(place - 1) {
            Some(text) if valid(text) => Ok(Some(*text)),
            Some(_) => Err(CodecError("a text is not valid for its column")),
            None => Err(CodecError("a text is missing")),
        },
    };
    (0..rows).map(text).collect()
}
