//! Votes: anonymous ones add up, a voter's last one wins, every one is audited.

use tally_model::{Fold, Payload, Tally, Vote};
use tally_store::Poll;

use crate::fixture::{NOON, TestLog, TestStore};

pub(crate) fn votes(cast: &[(&str, Option<&str>, &str)]) -> Tally {
    let vote = |(i, &(poll, voter, option)): (usize, &(&str, Option<&str>, &str))| Vote {
        poll: poll.into(),
        option: option.into(),
        voter: voter.map(Into::into),
        source_ip: Some("192.0.2.7".into()),
        user_agent: None,
        time_ms: NOON * 1_000 + i64::try_from(i).unwrap(),
    };
    let mut fold = Fold::new();
    fold.add(Payload::Votes(cast.iter().enumerate().map(vote).collect()));
    fold.take()
}

async fn results(test: &TestStore, poll: &str) -> Vec<(String, i64)> {
    test.poll_results(poll).await.unwrap().unwrap()
}

fn shown(results: &[(String, i64)]) -> Vec<(&str, i64)> {
    results.iter().map(|(option, votes)| (option.as_str(), *votes)).collect()
}

#[tokio::test]
async fn the_default_poll_is_there() {
    let test = TestStore::new().await;
    assert_eq!(shown(&results(&test, "default").await), [("cats", 0), ("dogs", 0)]);
    assert_eq!(test.text("SELECT string_agg(percentage::text, ',') FROM get_vote_results()").await, "0,0");
    assert_eq!(test.poll_results("none").await.unwrap(), None);
}

#[tokio::test]
async fn a_voters_last_vote_wins_in_one_batch_and_over_many() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    let first = votes(&[
        ("default", None, "cats"),
        ("default", Some("ann"), "cats"),
        ("default", Some("bob"), "cats"),
        ("default", Some("ann"), "dogs"),
        ("default", None, "dogs"),
        ("default", Some("ann"), "dogs"),
    ]);
    assert_eq!(test.count(&log.next(first)).await, (6, 0));
    assert_eq!(shown(&results(&test, "default").await), [("cats", 2), ("dogs", 2)]);
    test.count(&log.next(votes(&[("default", Some("bob"), "dogs"), ("default", Some("cy"), "cats")]))).await;
    assert_eq!(shown(&results(&test, "default").await), [("dogs", 3), ("cats", 2)]);
    let percentages = "SELECT string_agg(option || ' ' || percentage, ', ') FROM get_vote_results('default')";
    assert_eq!(test.text(percentages).await, "dogs 60.00, cats 40.00");
    assert_eq!(test.number("SELECT count(*) FROM vote_event WHERE source_ip = '192.0.2.7'").await, 8);
    let order =
        "SELECT string_agg(coalesce(voter, '-') || ':' || option, ' ' ORDER BY id) FROM vote_event WHERE id <= 6";
    assert_eq!(test.text(order).await, "-:cats ann:cats bob:cats ann:dogs -:dogs ann:dogs");
    assert!(test.position(log.shard).await.unwrap().is_balanced());
}

/// The audit says what a vote changed, within a batch and over several, and names nobody.
#[tokio::test]
async fn the_audit_follows_a_voter_and_names_none() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    let cast = [("default", Some("ann"), "cats"), ("default", None, "dogs"), ("default", Some("ann"), "dogs")];
    test.count(&log.next(votes(&cast))).await;
    let cast = [("default", Some("ann"), "cats"), ("default", Some("ann"), "cats"), ("default", Some("bob"), "cats")];
    test.count(&log.next(votes(&cast))).await;
    test.count(&log.next(votes(&[("lunch", Some("ann"), "soup")]))).await;
    let audited = test.audited_votes(10).await.unwrap();
    let rows: Vec<_> = audited.iter().map(|vote| (vote.option.as_str(), vote.changed_from.as_deref())).collect();
    let expected = [
        ("soup", None),
        ("cats", None),
        ("cats", None),
        ("cats", Some("dogs")),
        ("dogs", Some("cats")),
        ("dogs", None),
        ("cats", None),
    ];
    assert_eq!(rows, expected);
    let voters: Vec<_> = audited.iter().map(|vote| vote.voter.as_deref()).collect();
    let (ann, bob) = (voters[0].unwrap(), voters[1].unwrap());
    assert_eq!(voters, [Some(ann), Some(bob), Some(ann), Some(ann), Some(ann), None, Some(ann)]);
    assert_ne!(ann, bob);
    assert!(ann.chars().count() == 7 && ann.chars().nth(4) == Some('…'), "{ann}");
    assert_eq!(audited.last().unwrap().at_ms, NOON * 1_000);
    assert_eq!(test.audited_votes(2).await.unwrap(), audited[..2]);
}

#[tokio::test]
async fn a_title_stays_until_there_is_another() {
    let test = TestStore::new().await;
    let title = async |title, options: &[&str]| test.put_poll("lunch", title, options).await.unwrap().title;
    assert_eq!(title(None, &["soup"]).await, None);
    assert_eq!(title(Some("Lunch?"), &[]).await.as_deref(), Some("Lunch?"));
    assert_eq!(title(None, &["eggs"]).await.as_deref(), Some("Lunch?"));
    assert_eq!(title(Some("What is for lunch?"), &[]).await.as_deref(), Some("What is for lunch?"));
    test.put_poll("empty", None, &[]).await.unwrap();
    test.count(&TestLog::new(0).next(votes(&[("lunch", None, "soup")]))).await;
    let standings = test.standings(10, None).await.unwrap();
    let rows: Vec<_> =
        standings.iter().map(|poll| (poll.name.as_str(), poll.title.as_deref(), shown(&poll.votes))).collect();
    let expected = [
        ("default", Some("Cats or dogs?"), vec![("cats", 0), ("dogs", 0)]),
        ("empty", None, vec![]),
        ("lunch", Some("What is for lunch?"), vec![("soup", 1), ("eggs", 0)]),
    ];
    assert_eq!(rows, expected);
    assert_eq!(test.standings(1, Some("default")).await.unwrap(), standings[1..2]);
    assert_eq!(test.polls().await.unwrap()[2].title.as_deref(), Some("What is for lunch?"));
}

#[tokio::test]
async fn what_the_database_has_forgotten_is_added() {
    let test = TestStore::new().await;
    test.count(&TestLog::new(0).next(votes(&[("lunch", None, "soup"), ("default", Some("ann"), "birds")]))).await;
    assert_eq!(shown(&results(&test, "lunch").await), [("soup", 1)]);
    assert_eq!(shown(&results(&test, "default").await), [("birds", 1), ("cats", 0), ("dogs", 0)]);
}

#[tokio::test]
async fn psql_counts_the_same_way() {
    let test = TestStore::new().await;
    for (voter, option) in [("NULL", "cats"), ("'ann'", "cats"), ("'ann'", "dogs"), ("'ann'", "dogs")] {
        test.run(&format!("SELECT increment_vote('default', {voter}, '{option}')")).await;
    }
    assert_eq!(shown(&results(&test, "default").await), [("cats", 1), ("dogs", 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn voters_who_change_sides_at_once_do_not_deadlock() {
    let test = TestStore::new().await;
    let mut tasks = Vec::new();
    for shard in 0..4_u16 {
        let store = test.store.clone();
        tasks.push(tokio::spawn(async move {
            let mut log = TestLog::new(shard);
            let voter = format!("v{}", shard % 2);
            for i in 0..25 {
                let (a, b) = if (i + shard) % 2 == 0 { ("cats", "dogs") } else { ("dogs", "cats") };
                let (x, y) = if shard % 2 == 0 { ("default", "second") } else { ("second", "default") };
                let batch = log.next(votes(&[(x, Some(&voter), a), (y, Some(&voter), b), (y, None, a)]));
                store.apply(&batch).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(test.number("SELECT sum(votes) FROM poll_option").await, 100 + 4);
    let differ = "SELECT count(*) FROM poll_option o WHERE o.votes <> \
        (SELECT count(*) FROM vote_event e WHERE e.poll = o.poll AND e.option = o.option AND e.voter IS NULL) \
        + (SELECT count(*) FROM vote v WHERE v.poll = o.poll AND v.option = o.option)";
    assert_eq!(test.number(differ).await, 0);
}

#[tokio::test]
async fn many_votes_for_one_option_are_quick() {
    let test = TestStore::new().await;
    let cast: Vec<_> = (0..10_000).map(|i| ("default", None, if i % 3 == 0 { "dogs" } else { "cats" })).collect();
    assert_eq!(test.count(&TestLog::new(0).next(votes(&cast))).await, (10_000, 0));
    assert_eq!(shown(&results(&test, "default").await), [("cats", 6_666), ("dogs", 3_334)]);
}

#[tokio::test]
async fn options_are_only_added() {
    let test = TestStore::new().await;
    let poll = test.put_poll("lunch", None, &["soup", "bread", "soup"]).await.unwrap();
    assert_eq!(
        poll,
        Poll { name: "lunch".to_owned(), title: None, options: vec!["bread".to_owned(), "soup".to_owned()] }
    );
    assert_eq!(test.put_poll("lunch", None, &["eggs"]).await.unwrap().options, ["bread", "eggs", "soup"]);
    assert_eq!(test.put_poll("lunch", None, &[]).await.unwrap().options, ["bread", "eggs", "soup"]);
    let polls = test.polls().await.unwrap();
    let names: Vec<_> = polls.iter().map(|p| (p.name.as_str(), p.options.len())).collect();
    assert_eq!(names, [("default", 2), ("lunch", 3)]);
    assert_eq!(test.put_poll("empty", None, &[]).await.unwrap().options, [""; 0]);
    assert_eq!(test.poll_results("empty").await.unwrap(), Some(Vec::new()));
}
