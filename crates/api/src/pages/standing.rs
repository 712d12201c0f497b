//! How a poll stands, in words. The dashboard and the vote pages' script say the same (`dashboard/src/polls/results.ts`).

/// Who leads, of options that come with most votes first.
pub(super) fn lead(votes: &[(String, i64)]) -> String {
    let most = votes.first().map_or(0, |first| first.1);
    if most == 0 {
        return "No votes yet.".to_owned();
    }
    let tied: Vec<&str> = votes.iter().take_while(|(_, votes)| *votes == most).map(|(name, _)| name.as_str()).collect();
    match (tied.split_last(), votes.get(1)) {
        (Some((last, others)), _) if !others.is_empty() => format!("Tied: {} and {last}.", others.join(", ")),
        (_, Some(second)) => format!("{} lead by {}.", tied.concat(), counted(most - second.1)),
        (_, None) => format!("{}: {}.", tied.concat(), counted(most)),
    }
}

/// A number of votes in words.
pub(super) fn counted(votes: i64) -> String {
    format!("{} {}", grouped(votes), if votes == 1 { "vote" } else { "votes" })
}

/// A number with its thousands apart.
pub(super) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", String::from_utf8_lossy(&groups.join(&b',')))
}

/// Percent to one digit, each share rounded for itself: equal votes show equal shares. `None`: there are no shares.
pub(super) fn share(votes: i64, total: i64) -> Option<String> {
    let tenths = tenths_of_percent(votes, total)?;
    Some(if votes == 0 { "0".to_owned() } else { format!("{}.{}", tenths / 10, tenths % 10) })
}

/// How wide its bar is, of 100; whoever has a vote has something to be seen.
pub(super) fn width(votes: i64, total: i64) -> String {
    const THINNEST_TENTHS: i128 = 4;
    let tenths = tenths_of_percent(votes, total).unwrap_or(0);
    let tenths = if votes > 0 { tenths.max(THINNEST_TENTHS) } else { 0 };
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn tenths_of_percent(votes: i64, total: i64) -> Option<i128> {
    let (votes, total) = (i128::from(votes), i128::from(total));
    (total > 0).then(|| (2_000 * votes + total) / (2 * total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn votes(listed: &[(&str, i64)]) -> Vec<(String, i64)> {
        listed.iter().map(|(option, votes)| ((*option).to_owned(), *votes)).collect()
    }

    #[test]
    fn the_sentence_says_who_leads() {
        let says = |listed: &[(&str, i64)]| lead(&votes(listed));
        assert_eq!(says(&[("cats", 0), ("dogs", 0)]), "No votes yet.");
        assert_eq!(says(&[]), "No votes yet.");
        assert_eq!(says(&[("Cats", 18_204), ("Dogs", 17_911)]), "Cats lead by 293 votes.");
        assert_eq!(says(&[("cats", 2), ("dogs", 1)]), "cats lead by 1 vote.");
        assert_eq!(says(&[("Noodles", 388), ("Tacos", 388), ("Pizza", 312)]), "Tied: Noodles and Tacos.");
        assert_eq!(says(&[("a", 1), ("b", 1), ("c", 1)]), "Tied: a, b and c.");
        assert_eq!(says(&[("soup", 1_000)]), "soup: 1,000 votes.");
    }

    #[test]
    fn equal_votes_show_equal_shares() {
        let shares = |listed: &[i64]| {
            let total = listed.iter().sum();
            listed.iter().map(|votes| share(*votes, total).unwrap_or_default()).collect::<Vec<_>>()
        };
        assert_eq!(shares(&[1, 1, 1]), ["33.3", "33.3", "33.3"]);
        assert_eq!(shares(&[388, 388, 312, 97, 0]), ["32.7", "32.7", "26.3", "8.2", "0"]);
        assert_eq!(shares(&[7, 1]), ["87.5", "12.5"]);
        assert_eq!(shares(&[399, 1]), ["99.8", "0.3"]);
        assert_eq!(shares(&[5]), ["100.0"]);
        assert_eq!(share(0, 0), None);
        assert_eq!(share(i64::MAX / 2, i64::MAX).as_deref(), Some("50.0"));
    }

    #[test]
    fn bars_end_where_the_share_does() {
        assert_eq!((width(0, 0), width(0, 5), width(1, 4)), ("0.0".into(), "0.0".into(), "25.0".into()));
        assert_eq!(width(1, 1_000_000), "0.4");
    }

    #[test]
    fn thousands_stand_apart() {
        let all = [0, 7, 999, 1_000, 1_234_567, -1_000].map(grouped);
        assert_eq!(all, ["0", "7", "999", "1,000", "1,234,567", "-1,000"]);
    }
}
