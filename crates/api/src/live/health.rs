//! Three lights: Redis, PostgreSQL, consumers. Each says what is wrong, and the command that cures it.

use serde::Serialize;
use tally_store::SchemaState;

use super::details::Detail;
use super::sight::{Sight, Trouble};

/// A light.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Light {
    pub(super) ok: bool,
    pub(super) detail: String,
    pub(super) cure: Option<&'static str>,
}

/// The light of the consumers, with their numbers.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Consumers {
    #[serde(flatten)]
    pub(super) light: Light,
    pub(super) alive: u32,
    pub(super) owned: usize,
    pub(super) shards: u16,
}

/// Where commands are typed: beside the chart, or where `make run` runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) in_kubernetes: bool,
}

impl Place {
    const fn cure(self, here: &'static str, in_kubernetes: &'static str) -> Option<&'static str> {
        Some(if self.in_kubernetes { in_kubernetes } else { here })
    }

    pub(super) fn redis(self, sight: &Sight, detail: &Detail) -> Light {
        let memory = detail.memory.as_ref();
        match sight.redis {
            None => Light {
                ok: true,
                detail: match memory.map(|memory| memory.append_fsync.as_deref()) {
                    Some(Some(fsync)) => format!("answers; appendonly yes, fsync {fsync}"),
                    Some(None) | None => "answers".to_owned(),
                },
                cure: None,
            },
            Some(Trouble::NotFound) => Light {
                ok: false,
                detail: "has not been found since this process started: TALLY_REDIS_URL names nothing that answers. Events are refused with 503".to_owned(),
                cure: self.cure("make run", "kubectl get pods --all-namespaces -l app.kubernetes.io/component=redis"),
            },
            Some(Trouble::Away | Trouble::Schema) => Light {
                ok: false,
                detail: "does not answer. Events are refused with 503; senders should repeat them".to_owned(),
                cure: self.cure("make run", "kubectl get pods --all-namespaces -l app.kubernetes.io/component=redis"),
            },
        }
    }

    pub(super) fn postgres(self, sight: &Sight, detail: &Detail) -> Light {
        let away = |detail: &str, cure| Light { ok: false, detail: detail.to_owned(), cure };
        let look = self.cure("make run", "kubectl get pods --all-namespaces -l app.kubernetes.io/component=postgres");
        match sight.postgres {
            None => Light {
                ok: true,
                detail: match detail.schema {
                    Some(SchemaState::Ready { version }) => format!("answers; schema {version}, as expected"),
                    _ => "answers".to_owned(),
                },
                cure: None,
            },
            Some(Trouble::Schema) => away(
                "answers, but does not have the schema of this version. Events are accepted and kept",
                self.cure("tally-consumer migrate", "helm upgrade --reuse-values tally ./helm"),
            ),
            Some(Trouble::NotFound) => away(
                "has not been found since this process started: TALLY_DATABASE_URL names nothing that answers. Events are accepted and kept",
                look,
            ),
            Some(Trouble::Away) => away("does not answer. Events are still accepted and kept", look),
        }
    }

    pub(super) fn consumers(self, sight: &Sight, shards: u16) -> Consumers {
        let (alive, owned) = (sight.owners.alive, sight.owners.leases.len());
        let closed = sight.statuses.iter().filter(|status| !status.open).count();
        let start = self.cure(
            "tally-consumer run",
            "kubectl get deployments --all-namespaces -l app.kubernetes.io/component=consumer",
        );
        let (detail, cure) = if sight.postgres.is_some() {
            ("nobody knows while PostgreSQL does not answer".to_owned(), None)
        } else if alive == 0 {
            ("none is alive. Events are accepted and kept, and not counted".to_owned(), start)
        } else if closed > 0 {
            (
                format!("{closed} of {shards} shards are not open yet: a consumer opens them"),
                self.cure("tally-consumer open", "tally-consumer open"),
            )
        } else if owned < usize::from(shards) {
            (
                format!(
                    "{alive} alive, but only {owned} of {shards} shards are owned; the rest is taken over within a lease"
                ),
                None,
            )
        } else {
            let ok = Light { ok: true, detail: format!("{alive} alive, all {shards} shards owned"), cure: None };
            return Consumers { light: ok, alive, owned, shards };
        };
        Consumers { light: Light { ok: false, detail, cure }, alive, owned, shards }
    }
}
