//! The algorithm among threads of one process, under a memory model in which a write is not seen at once: every order that
//! the language allows, a few preemptions deep.

use locks::peterson::{Bit, Contender, Flag, Mark, Place, Progress, Side, Slot};
use locks::registers::Registers;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU8, Ordering, fence};
use loom::thread;
use std::panic::catch_unwind;

/// What two contenders in the first two slots meet at: the first node of the spine, and the two that are below it on the
/// second one's side, whose other sides nobody plays.
struct Shared {
    left: AtomicU8,
    right: AtomicU8,
    /// Keeps each write ahead of the reads that come after it.
    ordered: bool,
}

impl Shared {
    fn register(&self, place: Place) -> Option<&AtomicU8> {
        let is_shared = (place.group, place.height, place.index) == (0, 1, 0);
        is_shared.then_some(match place.side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        })
    }
}

struct Thread(Arc<Shared>);

impl Registers for Thread {
    fn read(&self, place: Place) -> Mark {
        match self.0.register(place)?.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Flag::Raised),
            2 => Some(Flag::Gave(Bit::Zero)),
            _ => Some(Flag::Gave(Bit::One)),
        }
    }

    fn write(&mut self, place: Place, mark: Mark) {
        let Some(register) = self.0.register(place) else { return };
        let value = match mark {
            None => 0,
            Some(Flag::Raised) => 1,
            Some(Flag::Gave(Bit::Zero)) => 2,
            Some(Flag::Gave(Bit::One)) => 3,
        };
        register.store(value, Ordering::Release);
        if self.0.ordered {
            fence(Ordering::SeqCst);
        }
    }
}

fn two_threads(ordered: bool) {
    let mut every_order = loom::model::Builder::new();
    every_order.preemption_bound = Some(5);
    every_order.check(move || {
        let shared = Arc::new(Shared { left: AtomicU8::new(0), right: AtomicU8::new(0), ordered });
        // Two that touch it at once are found by the checker.
        let inside = Arc::new(UnsafeCell::new(0));
        let enter = |slot: u32| {
            let (shared, inside) = (shared.clone(), inside.clone());
            move || {
                let mut registers = Thread(shared);
                let mut contender = Contender::new(Slot(slot));
                while contender.run(&mut registers) != Progress::Inside {
                    thread::yield_now();
                }
                inside.with_mut(|count| count.is_null());
                contender.leave();
                contender.run(&mut registers);
            }
        };
        let other = thread::spawn(enter(1));
        enter(0)();
        other.join().expect("it gets in");
    });
}

#[test]
fn two_threads_are_never_inside_at_once() {
    two_threads(true);
}

#[test]
fn registers_whose_writes_may_be_seen_late_let_two_inside_and_are_found() {
    assert!(
        catch_unwind(|| two_threads(false)).is_err(),
        "without an order of writes and reads the algorithm is not safe"
    );
}
