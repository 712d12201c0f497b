use super::*;

fn config(more: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let base = [("TALLY_REDIS_URL", "redis://:hunter2@r/"), ("TALLY_DATABASE_URL", "postgres://u:hunter2@p/d")];
    let all: std::collections::BTreeMap<_, _> = base.iter().chain(more).copied().collect();
    Config::from_variables(all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())))
}

#[test]
fn defaults_stand_and_secrets_are_hidden() {
    let config = config(&[("HOME", "/root")]).unwrap();
    assert_eq!((config.shards, config.listen.port(), config.keep_days), (8, 8080, 731));
    assert_eq!(config.limits.deadline, Duration::from_secs(10));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn tls_is_a_scheme_and_files_of_authorities() {
    let plain = config(&[("TALLY_REDIS_CA_FILE", "")]).unwrap();
    assert_eq!((plain.redis_ca_file, plain.database_ca_file), (None, None));
    let tls = config(&[("TALLY_REDIS_URL", "rediss://r/"), ("TALLY_REDIS_CA_FILE", "/r.crt")]).unwrap();
    assert_eq!((tls.redis_ca_file, tls.database_ca_file), (Some("/r.crt".into()), None));
}

#[test]
fn every_wrong_value_names_its_variable() {
    for (name, value) in [
        ("TALLY_SHARDS", "eight"),
        ("TALLY_SHARDS", "0"),
        ("TALLY_LISTEN", "8080"),
        ("TALLY_WORKERS", "-1"),
        ("TALLY_DEADLINE_MS", "10s"),
        ("TALLY_DEADLINE_MS", "1"),
        ("TALLY_DEDUPE_SECONDS", "0"),
        ("TALLY_DEDUPE_BYTES", "0"),
        ("TALLY_BACKLOG_EVENTS", "5"),
        ("TALLY_BACKLOG_BYTES", "1kB"),
        ("TALLY_TRUST_FORWARDED", "maybe"),
        ("TALLY_CORS_ORIGINS", "https://shop.example/page"),
        ("TALLY_GRACE_SECONDS", "0"),
        ("TALLY_REPORTS_DAYS", "0"),
        ("TALLY_RETENTION_BYTES", ""),
        ("TALLY_KEEP_DAYS_DAYS", "0"),
        ("TALLY_LOG_FORMAT", "xml"),
        ("TALLY_REDIS_URL", "localhost"),
        ("TALLY_DATABASE_URL", "localhost"),
        ("TALLY_SHARD", "8"),
    ] {
        let error = config(&[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(name), "{name}={value}: {error}");
        assert!(!error.contains("hunter2"));
    }
}

#[test]
fn what_is_missing_is_named() {
    let error = Config::from_variables([("TALLY_REDIS_URL".to_owned(), "redis://r/".to_owned())]).unwrap_err();
    assert_eq!(error.to_string(), "TALLY_DATABASE_URL is not set");
}

#[test]
fn the_other_binary_s_names_and_service_links_are_no_typos() {
    config(&[("TALLY_LEASE_SECONDS", "5"), ("TALLY_CONSUMER_LISTEN", "127.0.0.1:8081")]).unwrap();
    config(&[("TALLY_API_SERVICE_HOST", "10.0.0.1"), ("TALLY_API_PORT_8080_TCP_ADDR", "10.0.0.1")]).unwrap();
    config(&[("TALLY_PORT", "tcp://10.0.0.1:8080"), ("TALLY_API_SERVICE_PORT_HTTP", "8080")]).unwrap();
}

#[test]
fn the_example_names_every_setting() {
    let example = include_str!("../../../.env.example");
    let assignment = |line: &'static str| line.trim_start_matches("# ").split_once('=').map(|pair| pair.0);
    let named: Vec<&str> = example.lines().filter_map(assignment).filter(|name| name.starts_with(PREFIX)).collect();
    let (mut named, mut known) = (named.clone(), NAMES.to_vec());
    named.sort_unstable();
    known.sort_unstable();
    assert_eq!(named, known);
}
