//! The front door as clients meet it: the real binary, a real Redis, a real PostgreSQL, HTTP from outside.
#![allow(clippy::unwrap_used)] // a test that cannot go on should say where

mod counting;
mod door;
mod visitor;

mod bad_events;
mod bad_questions;
mod browser;
mod dead_letters;
mod direct;
mod divided;
mod good_events;
mod live;
mod operation;
mod otlp;
mod overview;
mod pages;
mod reads;
mod reports;
mod shared_answers;
mod traces;
mod vote_page;
mod votes;
