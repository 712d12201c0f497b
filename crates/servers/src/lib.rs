//! Private Redis and PostgreSQL servers on 127.0.0.1, for `make run`, for tests and for benches.
//!
//! A server gets a free port and a data directory of its own. Instances of the system are never touched, no unix socket
//! is opened (deep paths work), and whatever a crash left behind in a data directory is cleared at the next start, after
//! it was verified to be ours. Nothing that is shipped depends on this crate.

mod error;
mod process;

mod account;
mod authority;
mod cluster;
mod postgres;
mod redis;

mod directory;
mod ports;
mod programs;
mod running;
mod spawner;

mod test_database;
mod test_servers;

pub use authority::{Authority, Certificate};
pub use error::Error;
pub use ports::{free_port, is_port_free};
pub use postgres::{Postgres, PostgresOptions};
pub use process::{Process, tail};
pub use programs::binary;
pub use redis::{AppendFsync, Redis, RedisOptions};
pub use running::stop_marked;
pub use test_database::TestDatabase;
pub use test_servers::TestServers;
