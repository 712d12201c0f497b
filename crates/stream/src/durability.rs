//! What of Redis's settings is weaker than the log wants, in sentences for the operator.

use std::collections::HashMap;

use redis::Value;

use crate::error::Error;
use crate::link::Link;
use crate::{reply, script};

/// What memory must hold beside the data, as a part of it: fragmentation, buffers, the rewrite of the append-only file.
const HEADROOM_PERCENT: u64 = 25;

const ASKED: [&str; 5] = ["appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy", "maxmemory"];

pub(crate) async fn check(link: &Link, held_bytes: u64) -> Result<Vec<String>, Error> {
    let mut config = redis::cmd("CONFIG");
    config.arg("GET").arg(&ASKED[..]);
    match script::read(link, config).await {
        Ok(answer) => Ok(sentences(&settings_of(answer)?, held_bytes)),
        Err(Error::Refused(why)) => Ok(vec![format!(
            "Redis does not say how durable it is ({why}): make sure that it has appendonly yes, appendfsync always, \
             maxmemory-policy noeviction, or accepted events can be lost"
        )]),
        Err(error) => Err(error),
    }
}

/// How often the append-only file is forced to the disk; `None` without such a file, or where Redis does not say.
pub(crate) async fn append_fsync(link: &Link) -> Result<Option<String>, Error> {
    let mut config = redis::cmd("CONFIG");
    config.arg("GET").arg(&ASKED[..2]);
    match script::read(link, config).await {
        Ok(answer) => {
            let mut settings = settings_of(answer)?;
            let is_on = settings.get("appendonly").is_some_and(|value| value == "yes");
            Ok(settings.remove("appendfsync").filter(|_| is_on))
        }
        Err(Error::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn settings_of(answer: Value) -> Result<HashMap<String, String>, Error> {
    let mut flat = match answer {
        Value::Array(flat) => flat.into_iter(),
        Value::Map(pairs) => pairs.into_iter().flat_map(|(name, value)| [name, value]).collect::<Vec<_>>().into_iter(),
        other => return Err(Error::Unexpected(format!("{other:?} in place of settings"))),
    };
    let mut settings = HashMap::new();
    while let (Some(name), Some(value)) = (flat.next(), flat.next()) {
        settings.insert(reply::text(name)?, reply::text(value)?);
    }
    Ok(settings)
}

fn sentences(settings: &HashMap<String, String>, held_bytes: u64) -> Vec<String> {
    let has = |name: &str| settings.get(name).map_or("", String::as_str);
    let mut said = Vec::new();
    if has("appendonly") != "yes" {
        said.push("Redis has appendonly off: a restart loses all accepted events since its last snapshot".to_owned());
    } else if has("appendfsync") != "always" {
        said.push(format!(
            "Redis has appendfsync {}: a crash of its machine loses accepted events of the last seconds (set it to always)",
            has("appendfsync")
        ));
    }
    if has("no-appendfsync-on-rewrite") == "yes" {
        said.push(
            "Redis has no-appendfsync-on-rewrite yes: while its file is rewritten, a crash loses accepted events"
                .to_owned(),
        );
    }
    if has("maxmemory-policy") != "noeviction" {
        said.push(format!(
            "Redis has maxmemory-policy {}: when memory is short it deletes accepted events or request ids without a word \
             (set it to noeviction)",
            has("maxmemory-policy")
        ));
    }
    said.extend(memory_sentence(has("maxmemory"), held_bytes));
    said
}

fn memory_sentence(maxmemory: &str, held_bytes: u64) -> Option<String> {
    let maxmemory: u64 = maxmemory.parse().ok()?;
    let needed = held_bytes.saturating_add(held_bytes / 100 * HEADROOM_PERCENT);
    // 0 is no limit.
    (maxmemory > 0 && maxmemory < needed).then(|| {
        format!(
            "Redis has maxmemory {maxmemory} bytes, but backlog, retention and request ids may take {needed} bytes \
             (with {HEADROOM_PERCENT} % to spare): it may refuse appends before the backlog limit does"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(changed: &[(&str, &str)]) -> HashMap<String, String> {
        let good = ["yes", "always", "no", "noeviction", "0"];
        let all = ASKED.into_iter().zip(good).chain(changed.iter().copied());
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn what_is_durable_needs_no_words() {
        assert_eq!(sentences(&settings(&[]), 1 << 30), Vec::<String>::new());
        assert_eq!(sentences(&settings(&[("maxmemory", "1250")]), 1_000), Vec::<String>::new());
    }

    #[test]
    fn every_weakness_is_named() {
        for (changed, word) in [
            (("appendonly", "no"), "appendonly"),
            (("appendfsync", "everysec"), "everysec"),
            (("no-appendfsync-on-rewrite", "yes"), "rewrite"),
            (("maxmemory-policy", "allkeys-lru"), "allkeys-lru"),
            (("maxmemory", "1249"), "1250 bytes"),
        ] {
            let said = sentences(&settings(&[changed]), 1_000);
            assert!(said.len() == 1 && said[0].contains(word), "{changed:?}: {said:?}");
        }
    }
}
