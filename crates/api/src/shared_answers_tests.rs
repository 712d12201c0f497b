use super::*;

fn answer(bytes: usize) -> Answer {
    Answer { headers: HeaderMap::new(), body: Bytes::from(vec![b' '; bytes]), gzip: OnceCell::new() }
}

fn made(outcome: Outcome, ago: Duration, took: Duration) -> Made {
    Made { outcome, began: Instant::now() - ago, took, version: 7 }
}

const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn an_answer_serves_until_a_change_or_a_second() {
    let now = Instant::now();
    let answered = || Outcome::Answered(Arc::new(answer(1)));
    let quick = made(answered(), SECOND / 2, MOMENT);
    assert!(quick.serves(Keep::UntilChanged, now, 7));
    assert!(!quick.serves(Keep::UntilChanged, now, 8), "a change");
    assert!(!quick.serves(Keep::WhileAsked, now, 7));
    assert!(!made(answered(), SECOND * 2, MOMENT).serves(Keep::UntilChanged, now, 7), "too old");
    // What was asked before it was begun is answered by it, whatever changed.
    for keep in [Keep::UntilChanged, Keep::WhileAsked] {
        assert!(quick.serves(keep, now - SECOND, 8));
    }
}

#[test]
fn what_took_long_rests_long_but_not_for_ever() {
    let now = Instant::now();
    let answered = || Outcome::Answered(Arc::new(answer(1)));
    assert!(made(answered(), SECOND * 2, SECOND / 4).serves(Keep::UntilChanged, now, 8));
    assert!(!made(answered(), SECOND * 3, SECOND / 4).serves(Keep::UntilChanged, now, 8));
    assert!(!made(answered(), REST_MAX + SECOND, SECOND * 10).serves(Keep::UntilChanged, now, 8));
}

#[test]
fn a_refusal_serves_only_those_who_waited_for_it() {
    let now = Instant::now();
    let refused = made(Outcome::Refused(Problem::new(Kind::DatabaseUnavailable, "away")), SECOND / 2, SECOND / 2);
    assert!(refused.serves(Keep::UntilChanged, now - SECOND, 8));
    assert!(!refused.serves(Keep::UntilChanged, now, 7));
}

#[test]
fn questions_and_bytes_are_bounded() {
    let answers = SharedAnswers::default();
    for i in 0..QUESTIONS_MAX * 2 {
        answers.slot(&format!("/v1/summary?from=-{i}s"));
    }
    assert_eq!(answers.kept.lock().unwrap().by_question.len(), QUESTIONS_MAX);
    let large = answer(BYTES_MAX / 4);
    for i in 0..6 {
        answers.slot(&format!("/v1/endpoints?limit={i}"));
        answers.weigh(&format!("/v1/endpoints?limit={i}"), &large);
    }
    let kept = answers.kept.lock().unwrap();
    assert!(kept.bytes <= BYTES_MAX);
    assert!(kept.by_question.contains_key("/v1/endpoints?limit=5"), "the oldest goes first");
    assert_eq!(kept.bytes, kept.by_question.values().map(|place| place.bytes).sum::<usize>());
}

#[tokio::test]
async fn compressed_once() {
    let body = answer(100_000);
    let first = body.gzip().await.unwrap();
    assert!(first.len() < 1_000 && body.gzip().await.unwrap().as_ptr() == first.as_ptr());
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&first[..]), &mut plain).unwrap();
    assert_eq!(plain, body.body);
}

#[test]
fn who_wants_a_new_answer_says_so() {
    let said =
        |words: &str| actix_web::test::TestRequest::get().insert_header((header::CACHE_CONTROL, words.to_owned()));
    assert!(wants_new(&said("no-cache").to_srv_request()) && wants_new(&said("max-age=0, No-Cache").to_srv_request()));
    assert!(!wants_new(&said("max-age=60").to_srv_request()));
}

#[test]
fn gzip_is_sent_to_who_accepts_it() {
    for (listed, wanted) in [
        ("gzip", true),
        ("gzip, deflate, br", true),
        ("*", false),
        ("identity", false),
        ("gzip;q=0", false),
        ("", false),
    ] {
        let request = actix_web::test::TestRequest::get().insert_header((header::ACCEPT_ENCODING, listed));
        assert_eq!(accepts_gzip(&request.to_srv_request()), wanted, "{listed}");
    }
    assert!(!accepts_gzip(&actix_web::test::TestRequest::get().to_srv_request()));
}
