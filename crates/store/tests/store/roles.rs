//! Each role can do its work, and nothing else. The roles are made as `docs/postgres-roles.sql` says.

use std::process::Stdio;
use std::time::Duration;

use tally_model::{DeadLetter, Level, Pieces, Position, Shard, Tally, Window};
use tally_servers::{TestDatabase, TestServers};
use tally_store::{EndpointQuery, Keep, Redriven, SealPlace, Store};
use tokio_postgres::Client;

use crate::fixture::{DAY, NOON, SHARDS, TestLog, apply_all, client, config, settings, tally};
use crate::votes::votes;

/// SQLSTATE of a right that is missing.
const FORBIDDEN: &str = "42501";
const HOUR: Window = Window { from_s: NOON - 3_600, to_s: NOON + 3_600 };

struct Roles {
    database: TestDatabase<'static>,
    superuser: Client,
}

impl Roles {
    /// What the file does, but for the database, which is there.
    async fn make() -> Self {
        let database = TestServers::shared().await.unwrap().test_database().await.unwrap();
        let superuser = client(&database.url).await;
        let file = include_str!("../../../../docs/postgres-roles.sql");
        for statement in
            file.lines().map(|line| line.split("--").next().unwrap().trim()).filter(|line| !line.is_empty())
        {
            if statement.starts_with('\\') {
                continue;
            }
            let mut statement =
                statement.replace("CREATE DATABASE :\"database\" OWNER", "ALTER DATABASE :\"database\" OWNER TO");
            statement = statement.replace(":\"database\"", &database.name);
            for role in ["owner", "consumer", "api", "grafana"] {
                statement = statement.replace(&format!(":'{role}'"), &format!("'password of {role}'"));
            }
            superuser.batch_execute(&statement).await.unwrap();
        }
        Self { database, superuser }
    }

    fn url(&self, role: &str) -> String {
        let (_, address) = self.database.url.split_once('@').unwrap();
        format!("postgres://tally_{role}:password%20of%20{role}@{address}")
    }

    async fn store(&self, role: &str) -> Store {
        Store::connect(&config(&self.url(role))).await.unwrap()
    }

    async fn set(&self, setting: &str) {
        self.superuser.batch_execute(&format!("UPDATE setting SET {setting}")).await.unwrap();
    }

    /// Each statement lacks a right.
    async fn forbidden(&self, role: &str, statements: &[&str]) {
        let client = client(&self.url(role)).await;
        for statement in statements {
            let refused = client.batch_execute(statement).await.expect_err(statement);
            assert_eq!(refused.code().map(|code| code.code()), Some(FORBIDDEN), "{role}: {statement}: {refused}");
        }
    }
}

/// Everything that a consumer calls, each at least once with something to do.
async fn count(roles: &Roles, consumer: &Store, log: &mut TestLog) {
    let lease = Duration::from_secs(15);
    consumer.layout().await.unwrap();
    assert_eq!(consumer.heartbeat("c", lease).await.unwrap(), 1);
    assert_eq!(consumer.claim("c", 4, lease).await.unwrap().len(), 4);
    assert_eq!(consumer.renew("c", lease).await.unwrap().len(), 4);
    roles.set("endpoints_max = 1, sketch_bytes = 1").await;
    let events = [("s", "GET", "/a", 200, NOON - 120, Some(10)), ("s", "GET", "/folded", 200, NOON - 120, None)];
    apply_all(consumer, &log.next(tally(&events))).await;
    apply_all(consumer, &log.next(tally(&events[..1]))).await;
    apply_all(consumer, &log.next(votes(&[("new", Some("ann"), "x"), ("new", Some("ann"), "y"), ("new", None, "x")])))
        .await;
    // Late for minutes, hours and days alike, after maintenance has raised the floors: set aside.
    let keep = Keep { minutes_days: 1, hours_days: 1, days_days: 1, ..Keep::default() };
    consumer.maintain(&keep).await.unwrap();
    let rolled = consumer.roll_up().await.unwrap();
    consumer.compact(&rolled.grown).await.unwrap();
    assert_eq!(consumer.seal(&mut SealPlace::default()).await.unwrap().rows, 0);
    apply_all(consumer, &log.next(tally(&events[..1]))).await;
    consumer.sweep_grown(10).await.unwrap();
    consumer.announce().await.unwrap();
    redrive_one(consumer, log).await;
    consumer.halt(Shard::new(0), Some("why")).await.unwrap();
    consumer.halt(Shard::new(0), None).await.unwrap();
    consumer.filter_ids(Shard::new(0), lease).await.unwrap();
    consumer.trim_target(Shard::new(0), Duration::ZERO, 1).await.unwrap();
    let row = consumer.position(Shard::new(1)).await.unwrap();
    let generation = row.lineage.generation;
    assert!(consumer.raise_generation(Shard::new(1), &row, generation + 1).await.unwrap());
    consumer.probe(&log.clone().next(tally(&events))).await.unwrap();
    consumer.release("c", &[Shard::new(0)]).await.unwrap();
    consumer.leave("c").await.unwrap();
}

/// Sets an event aside, and counts it after all.
async fn redrive_one(consumer: &Store, log: &mut TestLog) {
    let event = ("s", "GET", "/a", 200, NOON, None);
    let mut batch = log.next(tally(&[event]));
    batch.tally = Tally::default();
    let position = batch.last.position;
    batch.dead_letters = vec![DeadLetter { position, index: None, events: 1, reason: "r".into(), payload: vec![] }];
    apply_all(consumer, &batch).await;
    assert_eq!(consumer.ask_redrive("r").await.unwrap(), Some(1));
    let work = consumer.claim_redrive("c", Duration::from_secs(15)).await.unwrap().unwrap();
    let ids = [consumer.next_letters(&work, 10, 1_000).await.unwrap()[0].id];
    let tally = Tally { votes: votes(&[("new", Some("ann"), "x")]).votes, ..Tally::default() };
    let tally = Tally { events: 1, ..tally };
    while let Redriven::NeedPartition { level, start_s } =
        consumer.redrive(&work, Shard::new(0), &ids, &tally).await.unwrap()
    {
        consumer.make_partition(level, start_s).await.unwrap();
    }
    assert!(consumer.advance_redrive(&work, ids[0], 0).await.unwrap());
    consumer.last_redrive("r").await.unwrap();
}

/// Everything that the API calls.
async fn answer(api: &Store) {
    api.schema_ready().await.unwrap();
    assert_eq!(api.layout().await.unwrap().shards, SHARDS);
    assert_eq!(api.positions().await.unwrap().len(), usize::from(SHARDS));
    api.floors().await.unwrap();
    for level in Level::ALL {
        let found = api
            .endpoints(&EndpointQuery { cover: Pieces::whole(level, HOUR).into(), service: Some("s".into()) })
            .await
            .unwrap();
        api.summary(&Pieces::whole(level, HOUR)).await.unwrap();
        api.services(&Pieces::whole(level, HOUR)).await.unwrap();
        api.total_series(HOUR, level, 60, Some("s")).await.unwrap();
        for endpoint in found {
            api.sparklines(&[endpoint.id], HOUR, level, 60).await.unwrap();
            api.series(endpoint.id, HOUR, level, 60).await.unwrap();
            api.endpoint(endpoint.id).await.unwrap().unwrap();
        }
    }
    assert!(api.span().await.unwrap().is_some());
    assert_eq!(api.folded(10).await.unwrap().len(), 1);
    api.dead_letters(10, None, None).await.unwrap();
    api.dead_reasons(1).await.unwrap();
    api.ask_redrive("none").await.unwrap();
    api.owners().await.unwrap();
    api.put_poll("made by the API", None, &["a", "b"]).await.unwrap();
    assert_eq!(api.put_poll("new", Some("What?"), &["x"]).await.unwrap().title.as_deref(), Some("What?"));
    assert_eq!(api.polls().await.unwrap().len(), 3);
    assert_eq!(api.poll_results("new").await.unwrap().unwrap().len(), 2);
    assert_eq!(api.standings(10, None).await.unwrap().len(), 3);
    assert_eq!(api.audited_votes(10).await.unwrap().len(), 4, "one of them was redriven");
}

/// Backs up and goes back, without a superuser.
async fn back_up_and_restore(owner: &Store) {
    owner.raise_barrier("a backup").await.unwrap();
    assert_eq!(owner.live_consumers().await.unwrap(), 0);
    let file = TestServers::shared().await.unwrap().fresh_dir("roles").unwrap().join("dump");
    let mut out = tokio::fs::File::create(&file).await.unwrap();
    assert!(owner.dump(&mut out).await.unwrap() > 0);
    owner.raise_barrier("a later one").await.unwrap();
    owner.release_barrier("a backup").await.unwrap();
    owner.restore(Stdio::from(std::fs::File::open(&file).unwrap())).await.unwrap();
    let barriers = owner.barriers().await.unwrap();
    let holds: Vec<_> = barriers.iter().map(|b| (b.label.as_str(), b.holds)).collect();
    assert_eq!(holds, [("a backup", false), ("a later one", true)], "barriers are not of the past");
}

#[tokio::test]
async fn each_role_can_do_its_work_and_nothing_else() {
    let roles = Roles::make().await;
    let owner = roles.store("owner").await;
    owner.migrate(&settings(SHARDS)).await.unwrap();
    owner.migrate(&settings(SHARDS)).await.unwrap();
    roles.set(&format!("pinned_clock = to_timestamp({NOON})")).await;
    let (consumer, api, mut log) = (roles.store("consumer").await, roles.store("api").await, TestLog::new(0));
    count(&roles, &consumer, &mut log).await;
    answer(&api).await;
    let grafana = client(&roles.url("grafana")).await;
    for asked in [
        "SELECT * FROM endpoint_minute_figures, endpoint_hour_figures, endpoint_day_figures, endpoint_month_figures",
        "SELECT sketch_quantile(sketch, 0.5) FROM endpoint_month JOIN endpoint ON endpoint = id",
        "SELECT * FROM endpoint_minutes, endpoint_days",
        "SELECT * FROM shard_position, log_event, folded_route, poll, get_vote_results('default')",
        "SELECT at, shard, epoch, seq, idx, events, reason FROM dead_letter ORDER BY id",
    ] {
        grafana.batch_execute(asked).await.unwrap();
    }
    refuse_the_rest(&roles).await;

    back_up_and_restore(&owner).await;
    roles.set(&format!("pinned_clock = to_timestamp({})", NOON + 40 * DAY)).await;
    assert!(consumer.seal(&mut SealPlace::default()).await.unwrap().rows > 0);
    // Partitions come and go with the rights of their owner, and what was prepared before the restore still runs.
    assert!(consumer.maintain(&Keep::default()).await.unwrap().dropped > 0);
    apply_all(&consumer, &log.next(tally(&[("s", "GET", "/a", 200, NOON + 40 * DAY, None)]))).await;
    assert!(api.positions().await.unwrap()[0].position() > Position::GENESIS);
    refuse_the_rest(&roles).await;
}

async fn refuse_the_rest(roles: &Roles) {
    let nobody = [
        "CREATE TABLE mine (a integer)",
        "DELETE FROM endpoint_hour",
        "DELETE FROM minute_block",
        "DELETE FROM day_block",
        "DELETE FROM shard_position",
        "SELECT * FROM refinery_schema_history",
    ];
    for role in ["consumer", "api", "grafana"] {
        roles.forbidden(role, &nobody).await;
    }
    let of_the_consumer = [
        "UPDATE layout SET shards = 9",
        "UPDATE setting SET endpoints_max = 1",
        "INSERT INTO backup_barrier VALUES ('x', 0, 0, 0, now())",
        "DELETE FROM poll",
        "SELECT source_ip FROM vote_event",
        "DROP TABLE endpoint",
        "TRUNCATE endpoint_hour",
    ];
    roles.forbidden("consumer", &of_the_consumer).await;
    let reader = [
        "UPDATE endpoint_minute SET requests = 0",
        "DELETE FROM endpoint_minute",
        "SELECT drop_sealed_v1()",
        "INSERT INTO endpoint (id, service_id, service, method, route) VALUES (1, 1, '', '', '')",
        "UPDATE shard_position SET seq = 0",
        "SELECT increment_vote('default', NULL, 'cats')",
        "SELECT make_partition_v1('minute', 0)",
        "SELECT drop_partition_v1('minute')",
        "SELECT voter FROM vote",
        "SELECT source_ip FROM vote_event",
        "SELECT voter FROM vote_event",
        "SELECT ids FROM request_ledger",
        "DELETE FROM consumer",
        "UPDATE redrive SET done_at = now()",
        "INSERT INTO redrive (reason, asked, through, redriven) VALUES ('x', 1, 1, 1)",
        "DELETE FROM dead_letter",
    ];
    roles.forbidden("api", &reader).await;
    roles
        .forbidden(
            "api",
            &["UPDATE poll_option SET votes = 100", "UPDATE poll SET name = 'x'", "DELETE FROM poll_option"],
        )
        .await;
    roles.forbidden("grafana", &reader).await;
    roles.forbidden("grafana", &["SELECT payload FROM dead_letter", "INSERT INTO poll (name) VALUES ('x')"]).await;
}
