//! Each protocol under its faults, and what the search of all its states must find.

use std::collections::BTreeSet;
use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use crate::properties::{
    ALL_COUNTED, AT_MOST_ONCE, FOLD_OF_THE_LOG, LOSS, LOSS_BESIDE_REGRESS, NEVER_HALTS, NO_SILENT_LOSS, REGRESS,
    SETTLES,
};
use crate::variant::{CRASHES_MAX, Fence, Profile, RESTORES_MAX, Reading, Variant};

/// Steps that a search may take; the longest one needs about a third.
const STEPS_MAX: usize = 20_000_000;

/// Searches until `enough`, prints the size of the search and the steps to each discovery, and answers their names.
#[allow(clippy::print_stdout)] // Shown by `--nocapture`; the sizes are quoted in the decision record.
fn search(name: &str, variant: Variant, enough: HasDiscoveries) -> BTreeSet<&'static str> {
    let started = Instant::now();
    let checker = variant.checker().finish_when(enough).target_state_count(STEPS_MAX).spawn_bfs().join();
    let (unique, generated) = (checker.unique_state_count(), checker.state_count());
    println!("{name}: {unique} states, {generated} steps, {:.1} s", started.elapsed().as_secs_f32());
    assert!(generated < STEPS_MAX, "{name}: the search was not finished");
    let discoveries = checker.discoveries();
    for (property, path) in &discoveries {
        println!("  {property}: {:?}", path.clone().into_actions());
    }
    discoveries.into_keys().collect()
}

/// Searches every state: exactly these properties are broken (`always`) or seen (`sometimes`), and no other. Any other
/// ends the search at once.
#[track_caller]
fn finds_exactly(name: &str, variant: Variant, expected: &[&'static str]) {
    let expected = BTreeSet::from_iter(expected.iter().copied());
    let others = variant.properties().into_iter().map(|property| property.name).filter(|name| !expected.contains(name));
    let found = search(name, variant, HasDiscoveries::AnyOf(others.collect()));
    assert_eq!(found, expected, "{name}");
}

/// Searches until all of these are broken: the checker sees what is wrong with a wrong protocol.
#[track_caller]
fn finds_broken(name: &str, variant: Variant, expected: &[&'static str]) {
    let expected = BTreeSet::from_iter(expected.iter().copied());
    let found = search(name, variant, HasDiscoveries::AllOf(expected.clone()));
    assert!(found.is_superset(&expected), "{name} should break {expected:?}, found {found:?}");
}

fn everysec() -> Variant {
    Variant { profile: Profile::Everysec, crashes: CRASHES_MAX, ..Variant::full() }
}

/// Variant 1.
#[test]
fn always_with_crashes_is_safe() {
    let variant = Variant { crashes: CRASHES_MAX, ..Variant::full() };
    finds_exactly("1 always", variant, &[ALL_COUNTED]);
}

/// Variant 1b: the reason why a consumer asks PostgreSQL before it halts.
#[test]
fn a_paused_consumer_takes_its_successors_trim_for_a_gap() {
    let variant = Variant { doubts: false, ..Variant::full() };
    finds_broken("1b halting at once", variant, &[NEVER_HALTS]);
}

/// Variant 2. The losses are of what was answered before the disk had it; [`NO_SILENT_LOSS`] says that a header names
/// each, and [`LOSS_BESIDE_REGRESS`] that a REGRESS does not name them all: what was above the position when it was cut
/// leaves a clean header.
#[test]
fn everysec_loses_only_what_a_header_names() {
    finds_exactly("2 everysec", everysec(), &[ALL_COUNTED, REGRESS, LOSS, LOSS_BESIDE_REGRESS]);
}

/// Variant 2b: one consumer crosses the header as a REGRESS, the other cleanly, and both end at the same position.
#[test]
fn everysec_doubles_when_the_same_position_is_taken_for_the_own_commit() {
    let variant = Variant { fence: Fence::PositionAndGeneration, claims_same_position: true, ..everysec() };
    finds_broken("2b same position, other history", variant, &[AT_MOST_ONCE]);
}

/// Variant 2c: SYNC after every lost compare-and-set cures that, as long as nobody restores PostgreSQL.
#[test]
fn everysec_is_safe_with_sync_after_every_lost_compare_and_set() {
    let variant = Variant { fence: Fence::PositionAndGeneration, sends: [2, 1], ..everysec() };
    finds_exactly("2c SYNC instead", variant, &[ALL_COUNTED, REGRESS, LOSS, LOSS_BESIDE_REGRESS]);
}

/// Variant 3.
#[test]
fn restore_with_barrier_is_safe() {
    let variant = Variant { restores: RESTORES_MAX, ..Variant::full() };
    finds_exactly("3 restore", variant, &[ALL_COUNTED]);
}

/// Variant 3b: nothing is silent. [`NEVER_HALTS`] and [`SETTLES`] fail because the shard stands still; all others hold.
#[test]
fn restore_without_barrier_halts() {
    let variant = Variant { restores: RESTORES_MAX, heeds_barrier: false, ..Variant::full() };
    finds_exactly("3b barrier ignored", variant, &[ALL_COUNTED, NEVER_HALTS, SETTLES]);
}

/// Variant 4: what is often built. Compare-and-set alone does not save a shared cursor.
#[test]
fn shared_cursor_without_the_rule_loses_and_doubles() {
    let variant = Variant { reading: Reading::GroupUnruled, ..Variant::full() };
    finds_broken("4 shared cursor, no rule", variant, &[AT_MOST_ONCE, NO_SILENT_LOSS, FOLD_OF_THE_LOG]);
}

/// Variant 5: any reader of the group may take entries away, also one that was fenced out long ago.
#[test]
fn shared_cursor_with_the_rule_is_safe() {
    let variant = Variant { reading: Reading::Group, crashes: CRASHES_MAX, ..Variant::full() };
    finds_exactly("5 shared cursor, rule", variant, &[ALL_COUNTED]);
}

/// Variant 5b: the same while PostgreSQL is restored, and with trimming left to variant 3.
#[test]
fn shared_cursor_with_the_rule_survives_a_restore() {
    let (reading, restores) = (Reading::Group, RESTORES_MAX);
    let variant = Variant { reading, restores, trims: false, sends: [2, 1], ..Variant::full() };
    finds_exactly("5b shared cursor, restore", variant, &[ALL_COUNTED]);
}

/// Variant 6: why there is a ledger.
#[test]
fn everysec_without_the_filter_doubles() {
    finds_broken("6 no filter", Variant { filters: false, ..everysec() }, &[AT_MOST_ONCE]);
}

/// Variant 7: both stores go back, with one request sent twice.
#[test]
fn everysec_with_restore_is_safe() {
    let variant = Variant { restores: RESTORES_MAX, sends: [2, 0], ..everysec() };
    finds_exactly("7 everysec, restore", variant, &[REGRESS, LOSS]);
}

/// Variant 7b: a restore can bring back a position that was reached with another history, under the same generation
/// when the mirror had not moved. Only the history in the compare-and-set tells them apart.
#[test]
fn everysec_with_restore_doubles_without_history_in_the_compare_and_set() {
    let fence = Fence::PositionAndGeneration;
    let variant = Variant { fence, restores: RESTORES_MAX, sends: [2, 0], ..everysec() };
    finds_broken("7b restored to another history", variant, &[AT_MOST_ONCE]);
}
