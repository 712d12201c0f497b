//! The consumer against a real Redis and a real PostgreSQL. One binary, so that the servers start once.
