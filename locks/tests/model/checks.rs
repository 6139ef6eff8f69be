//! What the models are asked: nothing wrong in any state that can be reached, and each seeded defect found.

use crate::service::{DOUBLED, Defect, Fleet, OVERLAP, STUCK};
use crate::world::Faults;
use locks::entry::Want;
use model::lock::LockName;
use stateright::{Checker, HasDiscoveries, Model};

const NONE: Faults = Faults { crashes: 0, power: 0, put_outs: 0, ticks: 0, losses: 0, cuts: 0, deaths: 0, renewals: 0 };

fn alone(name: &str) -> Want {
    Want::from(name.parse::<LockName>().expect("a lock name"))
}

fn shared(name: &str) -> Want {
    Want::shared(name.parse().expect("a lock name"))
}

/// Three contenders, two locks: one wants the first, one both, one the second.
fn three(processes: usize, faults: Faults) -> Fleet {
    let clients = vec![vec![alone("host/a")], vec![alone("host/a"), alone("host/b")], vec![alone("host/b")]];
    Fleet { clients, processes, faults, defect: None, fine: false }
}

/// Two share the first lock, and one of them wants the second alone; the third wants the first alone.
fn sharing(faults: Faults) -> Fleet {
    let clients = vec![vec![shared("host/a")], vec![shared("host/a"), alone("host/b")], vec![alone("host/a")]];
    Fleet { clients, ..three(1, faults) }
}

/// Two contenders, one lock, two processes.
fn two(faults: Faults) -> Fleet {
    Fleet { clients: vec![vec![alone("host/a")], vec![alone("host/a")]], ..three(2, faults) }
}

fn checked(name: &str, fleet: Fleet) -> impl Checker<Fleet> + use<> {
    let checker = fleet.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let (all, distinct, deep) = (checker.state_count(), checker.unique_state_count(), checker.max_depth());
    println!("{name}: {distinct} distinct states of {all}, {deep} deep");
    checker
}

/// Explores all of it and finds nothing wrong, and that what may happen does.
fn holds(name: &str, fleet: Fleet) {
    let checker = checked(name, fleet);
    checker.assert_properties();
    assert!(checker.is_done());
}

fn finds(defect: Defect, fleet: Fleet, property: &'static str) {
    let name = format!("{defect:?}");
    let checker = checked(&name, Fleet { defect: Some(defect), ..fleet });
    assert!(checker.discovery(property).is_some(), "the seeded defect was not found: {property}");
}

#[test]
fn leases_run_out_under_clients_that_are_only_slow() {
    holds("leases", three(1, Faults { ticks: 2, ..NONE }));
    holds("leases and renewals", three(1, Faults { ticks: 1, renewals: 1, ..NONE }));
}

#[test]
fn the_service_crashes_and_begins_again() {
    holds("crash", three(1, Faults { crashes: 1, ..NONE }));
}

#[test]
fn the_power_goes_and_takes_what_was_not_synced() {
    holds("power", three(1, Faults { power: 1, ..NONE }));
}

#[test]
fn messages_are_lost_and_connections_break() {
    holds("loss", three(1, Faults { losses: 1, ..NONE }));
    holds("cut", three(1, Faults { cuts: 1, ..NONE }));
}

#[test]
fn a_client_dies() {
    holds("death", three(1, Faults { deaths: 1, ticks: 1, ..NONE }));
}

#[test]
fn some_share_a_lock() {
    holds("sharing", sharing(Faults { ticks: 1, ..NONE }));
}

#[test]
fn two_processes_take_turns() {
    holds("two processes", three(2, NONE));
    holds("two processes, single accesses", Fleet { fine: true, ..two(NONE) });
}

#[test]
fn a_process_is_put_out_that_was_only_slow() {
    holds("put out", two(Faults { put_outs: 1, ..NONE }));
}

#[test]
fn leases_run_out_while_the_clocks_of_two_processes_differ() {
    holds("two processes, leases", two(Faults { ticks: 1, ..NONE }));
}

#[test]
#[ignore = "minutes: cargo test --release -p locks --test model -- --ignored --nocapture"]
fn the_largest() {
    holds("crash and leases", three(1, Faults { crashes: 1, ticks: 1, ..NONE }));
    holds("power and leases", three(1, Faults { power: 1, ticks: 1, ..NONE }));
    holds("loss and cut", three(1, Faults { losses: 1, cuts: 1, ..NONE }));
    holds("two processes, crash", two(Faults { crashes: 1, ..NONE }));
    holds("two processes, put out, single accesses", Fleet { fine: true, ..two(Faults { put_outs: 1, ..NONE }) });
    holds("two processes, three contenders, put out", three(2, Faults { put_outs: 1, ..NONE }));
}

#[test]
fn a_host_without_its_check_is_found() {
    finds(Defect::NoFenceCheck, three(1, Faults { ticks: 1, ..NONE }), OVERLAP);
}

#[test]
fn a_turn_that_is_not_given_away_is_found() {
    finds(Defect::KeepsTurn, Fleet { fine: true, ..two(NONE) }, STUCK);
}

#[test]
fn a_journal_whose_places_are_taken_twice_is_found() {
    finds(Defect::NoPlaceCheck, two(Faults { put_outs: 1, ..NONE }), DOUBLED);
}

#[test]
fn a_grant_that_is_answered_before_it_is_synced_is_found() {
    finds(Defect::AnswersEarly, three(1, Faults { power: 1, ..NONE }), DOUBLED);
}
