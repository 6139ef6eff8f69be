//! Single cases of the allocation worth reading.

use super::*;
use crate::table::properties::{LEASE, at, owner, wants};
use model::lock::Mode;

#[derive(Default)]
struct Told(Table);

impl Told {
    fn say(&mut self, said: Said, now: u64) -> Result<Answer, Refused> {
        self.0.apply(&Entry { at: at(now), said })
    }

    fn ask(&mut self, task: i64, request: &str, texts: &[&str], now: u64) -> Result<Answer, Refused> {
        let ask = Ask {
            owner: owner(task),
            request: request.into(),
            wants: wants(texts),
            lease: LEASE,
            grace: Duration::ZERO,
            visit: 0,
        };
        self.say(Said::Acquire(ask), now)
    }

    fn take(&mut self, task: i64, texts: &[&str], now: u64) -> Ticket {
        match self.ask(task, "r", texts, now).expect("a fresh request") {
            Answer::Waits(ticket) | Answer::Granted(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    fn release(&mut self, task: i64, request: &str, now: u64) {
        self.say(Said::Release { owner: owner(task), request: request.into() }, now).expect("always");
    }

    fn renew(&mut self, task: i64, held: &[Hold], now: u64) -> Result<Answer, Refused> {
        self.say(Said::Renew { owner: owner(task), request: "r".into(), held: held.to_vec() }, now)
    }

    fn pass(&mut self, now: u64) {
        self.say(Said::Passed, now).expect("always");
    }

    fn fence(&self, ticket: Ticket) -> Option<Fence> {
        Some(self.0.grants(ticket)?[0].fence)
    }

    fn held(&self, ticket: Ticket) -> Vec<Hold> {
        let grants = self.0.grants(ticket).expect("it is granted");
        grants.into_iter().map(|grant| Hold { name: grant.name, fence: grant.fence }).collect()
    }
}

fn host() -> LockName {
    LockName::Host { host: "a".into() }
}

#[test]
fn waiters_are_granted_in_the_order_in_which_they_came() {
    let mut told = Told::default();
    let tickets: Vec<Ticket> = (1..=5).map(|task| told.take(task, &["host/a"], 0)).collect();
    let mut last = None;
    for (place, ticket) in tickets.iter().enumerate() {
        assert!(told.fence(*ticket) > last);
        last = told.fence(*ticket);
        assert!(tickets[place + 1..].iter().all(|later| told.fence(*later).is_none()));
        told.release(place as i64 + 1, "r", 1);
    }
    assert!(told.0.is_empty());
}

#[test]
fn those_who_share_hold_together_with_one_fence_and_who_came_between_them_alone_is_not_passed() {
    let mut told = Told::default();
    let [one, two] = [1, 2].map(|task| told.take(task, &["~host/a"], 0));
    let alone = told.take(3, &["host/a"], 0);
    let late = told.take(4, &["~host/a"], 0);
    assert!(told.fence(one).is_some());
    assert_eq!(told.fence(one), told.fence(two));
    assert_eq!(
        (told.fence(alone), told.fence(late)),
        (None, None),
        "the late one must not pass the one that waits alone"
    );
    told.release(1, "r", 1);
    assert_eq!(told.fence(alone), None, "the second still shares it");
    told.release(2, "r", 1);
    assert!(told.fence(alone).is_some() && told.fence(late).is_none());
    told.release(3, "r", 1);
    assert!(told.fence(late) > Some(Fence(0)));
}

#[test]
fn those_who_are_let_go_on_together_stand_in_the_next_line_in_the_order_in_which_they_asked() {
    let mut told = Told::default();
    told.take(9, &["host/a"], 0);
    told.take(8, &["pool/a/p"], 0);
    for task in 1..=3 {
        told.take(task, &["~host/a", "pool/a/p"], 0);
    }
    told.release(9, "r", 0);
    let pool = told.0.show(&wants(&["pool/a/p"])[0].name, at(0)).expect("held");
    let line: Vec<i64> = pool.waiters.iter().map(|waiter| waiter.owner.task.0).collect();
    assert_eq!(line, [1, 2, 3]);
}

#[test]
fn a_shared_lock_is_not_made_ones_own_beside_others() {
    let mut told = Told::default();
    told.take(1, &["~host/a"], 0);
    assert_eq!(told.ask(1, "more", &["host/a"], 0), Err(Refused::Upgrade(host())));
    let mut told = Told::default();
    told.take(1, &["host/a"], 0);
    assert!(
        matches!(told.ask(1, "less", &["~host/a"], 0), Ok(Answer::Granted(_))),
        "who has it alone may share with itself"
    );
    // The exclusive request of an owner that waits elsewhere must not slip into its own shared hold.
    let mut told = Told::default();
    told.take(9, &["host/a"], 0);
    let both = told.ask(1, "both", &["host/a", "pool/a/p"], 0);
    let Ok(Answer::Waits(both)) = both else { panic!("{both:?}") };
    told.take(1, &["~pool/a/p"], 0);
    told.release(9, "r", 0);
    assert!(told.0.grants(both).is_none());
    told.release(1, "r", 0);
    assert!(told.0.grants(both).is_some());
}

#[test]
fn a_waiter_that_leaves_is_skipped_and_the_others_keep_their_places() {
    let mut told = Told::default();
    let tickets: Vec<Ticket> = (1..=4).map(|task| told.take(task, &["host/a"], 0)).collect();
    let other = Said::Leave { owner: owner(2), request: "r".into(), visit: 7 };
    told.say(other, 0).expect("always");
    assert_eq!(told.0.show(&host(), at(0)).expect("held").waiters.len(), 3, "another visit's leaving changes nothing");
    told.say(Said::Leave { owner: owner(2), request: "r".into(), visit: 0 }, 0).expect("always");
    told.release(1, "r", 0);
    assert!(told.fence(tickets[2]).is_some());
    assert_eq!(told.0.show(&host(), at(0)).expect("held").waiters.len(), 1);
}

#[test]
fn the_same_owner_is_granted_again_what_it_holds_and_frees_it_with_its_last_request() {
    let mut told = Told::default();
    let first = told.take(1, &["host/a"], 0);
    let again = told.ask(1, "again", &["host/a"], 1).expect("a fresh request");
    let Answer::Granted(second) = again else { panic!("{again:?}") };
    let other = told.take(2, &["host/a"], 1);
    assert_eq!(told.0.grants(first), told.0.grants(second));
    told.release(1, "r", 2);
    assert_eq!(told.fence(other), None, "the second request still holds it");
    told.release(1, "again", 2);
    assert!(told.fence(other).is_some());
}

#[test]
fn a_request_sent_again_keeps_its_place_and_its_fence() {
    let mut told = Told::default();
    let first = told.take(1, &["host/a"], 0);
    let waiting = told.take(2, &["host/a"], 0);
    assert_eq!(told.ask(1, "r", &["host/a"], 5), Ok(Answer::Granted(first)));
    assert_eq!(told.ask(2, "r", &["host/a"], 6), Ok(Answer::Waits(waiting)));
    assert_eq!(told.ask(2, "r", &["host/b"], 6), Err(Refused::OtherNames));
    assert_eq!(told.ask(2, "r", &["~host/a"], 6), Err(Refused::OtherNames));
    assert_eq!(told.0.deadline(), Some(at(20)), "the lease starts anew with the repeated answer");
}

#[test]
fn a_lease_that_runs_out_hands_the_lock_to_the_next_and_its_renewal_is_refused() {
    let mut told = Told::default();
    let first = told.take(1, &["host/a"], 0);
    let held = told.held(first);
    assert_eq!(told.renew(1, &held, 10), Ok(Answer::Renewed(LEASE)));
    let next = told.take(2, &["host/a"], 12);
    told.pass(24);
    assert_eq!(told.fence(next), None);
    told.pass(25);
    assert!(told.fence(next) > Some(held[0].fence));
    assert_eq!(told.renew(1, &held, 25), Err(Refused::Lost(held[0].clone())));
}

#[test]
fn a_waiter_that_does_not_ask_again_loses_its_place_and_what_it_had_gathered() {
    let mut told = Told::default();
    let held = told.take(1, &["resource/7"], 0);
    told.take(2, &["pool/a/p", "resource/7"], 0);
    let third = told.take(3, &["pool/a/p"], 10);
    told.renew(1, &told.held(held), 10).expect("it holds");
    told.pass(15);
    assert!(told.fence(third).is_some(), "the pool is free again");
    assert!(told.0.show(&wants(&["resource/7"])[0].name, at(15)).expect("held").waiters.is_empty());
}

#[test]
fn a_lock_is_broken_only_when_its_lease_has_run_out() {
    let mut told = Told::default();
    let breaking = || Said::Break { name: host() };
    assert_eq!(told.say(breaking(), 0), Err(Refused::NotHeld(host())));
    let first = told.take(1, &["host/a"], 0);
    let held = told.held(first);
    let left = Duration::from_secs(5);
    assert_eq!(told.say(breaking(), 10), Err(Refused::Alive { name: host(), holder: Box::new(owner(1)), left }));
    assert_eq!(told.say(breaking(), 15), Ok(Answer::Done));
    assert_eq!(
        told.renew(1, &held, 15),
        Err(Refused::Lost(held[0].clone())),
        "its holder is out before anyone else is in"
    );
    assert!(told.0.is_empty());
}

#[test]
fn a_service_that_begins_starts_every_lease_anew_and_its_fences_go_on_above_the_given_one() {
    let mut told = Told::default();
    let first = told.take(1, &["host/a"], 0);
    let waits = told.take(2, &["host/a"], 0);
    told.say(Said::Opened { fence: Fence(5_000), alone: true }, 100).expect("always");
    assert!(told.renew(1, &told.held(first), 114).is_ok(), "it lives");
    told.ask(2, "r", &["host/a"], 114).expect("its old place");
    told.release(1, "r", 115);
    assert_eq!(told.fence(waits), Some(Fence(5_001)));
}

#[test]
fn a_name_asked_for_in_both_modes_is_taken_alone() {
    let mut told = Told::default();
    let ticket = told.take(1, &["~host/a", "host/a"], 0);
    let grants = told.0.grants(ticket).expect("it is free");
    assert_eq!((grants.len(), grants[0].mode), (1, Mode::Exclusive));
}
