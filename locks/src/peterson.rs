//! Mutual exclusion among any number of contenders, with nothing but reads and writes of shared registers.
//!
//! The contenders are the service processes that share a journal: whoever is inside may add to it
//! ([`crate::ledger`]). They come and go; nothing here knows how many there are.
//!
//! # Which algorithm
//!
//! Peterson's algorithm for two, played up a tree (a tournament). At each node two sides meet: a contender **raises its
//! flag**, **gives the turn away**, and goes on when the other flag is lowered or the turn is its own. Who has won the
//! last node is inside.
//!
//! The turn is not one register that both sides write. As in Kessels' form, each side has a bit, and equal bits make the
//! left side wait, different ones the right side. So each register has one writer; it is lowered, raised, or raised with
//! a bit ([`Mark`]), and **vanishes with its contender**: a turn that nobody wants has no registers. The price is that a
//! returning contender has forgotten its bit, which Kessels' proof does not allow (three values are too few: the checker
//! in the tests finds two inside). Hence the mark between, raised and not yet given away: at the gate one waits for it
//! to pass, which it does by itself, as nothing in it waits. At the gate, then, both bits stand still and name one loser;
//! and whoever arrives while the other is past the gate reads a bit that stands still, and makes itself the loser.
//!
//! The tree has no size. Slot 0 hangs on the first node of a spine, slots 1 and 2 on the second through a tree of two,
//! the next four on the third, and so on for ever:
//!
//! ```text
//!        spine 0 -------- spine 1 -------- spine 2 -- ...
//!          |                |                |
//!        slot 0         slots 1, 2       slots 3..6
//! ```
//!
//! # Guarantees
//!
//! - At most one contender is inside, whatever the interleaving of single reads and writes.
//! - No deadlock, and no starvation of a contender that keeps taking steps.
//! - A contender may leave from anywhere ([`Contender::leave`]), not only from inside: each node is a game of two, so
//!   lowering flags from the top down takes nothing from anyone. The filter form of Block and Woo, whose stages are
//!   safe only as long as each is occupied, does not allow this, and a process may die or be put out wherever it stands.
//! - Bypass: at one node the other side goes first at most once after the turn was given away. With every contender
//!   woken when its node changes, a contender that waits on a path with `L` contested nodes is passed at most `2^L - 2`
//!   times (the one inside when it began to wait not counted); the tests reach that bound.
//!   A contender that takes no steps (a stopped process) has no bound: reads and writes alone cannot give one without
//!   letting the stopped one stop all. It is put out instead. The order of the requests does not depend on any of this.
//!
//! # Cost
//!
//! A slot `s` has `2 * log2(s + 1) + 1` nodes above it: four accesses at each on the way in, one on the way out. The
//! lowest free slots are used, so a turn without contention costs five accesses.
//!
//! # Literature
//!
//! Peterson, "Myths about the mutual exclusion problem" (1981). Peterson and Fischer, "Economical solutions for the
//! critical section problem in a distributed system" (1977): the tournament. Kessels, "Arbitration without common
//! modifiable variables" (1982): one writer per register. Block and Woo, "A more efficient generalization of Peterson's
//! mutual exclusion algorithm" (1990). Attiya and Bortnikov, "Adaptive and efficient mutual exclusion" (2002): the tree
//! whose near leaves are cheap. Hafidi, Keiren and Groote, "Fair mutual exclusion for N processes" (2021): why the
//! tournament needs steps to be taken for its fairness.

use crate::registers::Registers;

#[cfg(test)]
mod interleavings;

/// A leaf of the tree; no two contenders of a lock have the same at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    Left,
    Right,
}

/// One side of one node: the address of one register, which only the contender on that side writes.
///
/// Group `g` is the tree of `2^g` slots that hangs on node `g` of the spine. Its own nodes have heights 1 to `g`; the
/// node of the spine is counted as height `g + 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub group: u32,
    pub height: u32,
    pub index: u32,
    pub side: Side,
}

impl Place {
    /// The side of the opponent.
    fn facing(self) -> Self {
        let side = match self.side {
            Side::Left => Side::Right,
            Side::Right => Side::Left,
        };
        Self { side, ..self }
    }
}

impl Slot {
    fn group(self) -> u32 {
        (u64::from(self.0) + 1).ilog2()
    }

    /// How many nodes are between the slot and the inside.
    fn levels(self) -> u32 {
        2 * self.group() + 1
    }

    /// Where the slot's contender plays its `level`-th node, counted from the leaf.
    fn place(self, level: u32) -> Place {
        let group = self.group();
        if level > group {
            // Up the spine, towards its first node, always from the far side.
            let spine = 2 * group - level;
            return Place { group: spine, height: spine + 1, index: 0, side: Side::Right };
        }
        if level == group {
            return Place { group, height: group + 1, index: 0, side: Side::Left };
        }
        let offset = (u64::from(self.0) + 1 - (1 << group)) as u32;
        let side = if (offset >> level) & 1 == 0 { Side::Left } else { Side::Right };
        Place { group, height: level + 1, index: offset >> (level + 1), side }
    }
}

/// A side's half of the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bit {
    Zero,
    One,
}

impl Bit {
    fn flipped(self) -> Self {
        match self {
            Self::Zero => Self::One,
            Self::One => Self::Zero,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// Raised; the turn is about to be given away.
    Raised,
    /// Raised, and the turn given away with this bit.
    Gave(Bit),
}

/// What a register holds: nothing while the flag is lowered.
pub type Mark = Option<Flag>;

/// The bit with which `side` gives the turn away: equal bits make the left side wait, different ones the right side.
fn giving(side: Side, theirs: Bit) -> Bit {
    match side {
        Side::Left => theirs,
        Side::Right => theirs.flipped(),
    }
}

/// The one register access that a contender does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read(Place),
    Write(Place, Mark),
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Moved,
    /// The other side has the turn, or is about to give it away; nothing changes until it writes.
    Waits,
    Inside,
    Outside,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    Raise,
    Look,
    Give(Bit),
    /// At the gate, with the bit that was given.
    Check(Bit),
    Inside,
    Lower,
    Outside,
}

/// One who wants to be inside. It does one register access at a time, so that accesses of others may come between any two.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Contender {
    slot: Slot,
    level: u32,
    at: At,
}

impl Contender {
    pub fn new(slot: Slot) -> Self {
        Self { slot, level: 0, at: At::Raise }
    }

    pub fn slot(&self) -> Slot {
        self.slot
    }

    pub fn is_inside(&self) -> bool {
        self.at == At::Inside
    }

    /// The next access; none inside and outside.
    pub fn access(&self) -> Option<Access> {
        let place = self.slot.place(self.level);
        match self.at {
            At::Raise => Some(Access::Write(place, Some(Flag::Raised))),
            At::Look | At::Check(_) => Some(Access::Read(place.facing())),
            At::Give(bit) => Some(Access::Write(place, Some(Flag::Gave(bit)))),
            At::Lower => Some(Access::Write(place, None)),
            At::Inside | At::Outside => None,
        }
    }

    /// Carries on after [`Contender::access`] was done; `seen` is what was read.
    pub fn answered(&mut self, seen: Mark) -> Progress {
        let side = self.slot.place(self.level).side;
        self.at = match self.at {
            At::Raise => At::Look,
            At::Look => match seen {
                Some(Flag::Gave(theirs)) => At::Give(giving(side, theirs)),
                // They will look at this bit, or both bits will stand still at the gate: any will do.
                Some(Flag::Raised) | None => At::Give(Bit::Zero),
            },
            At::Give(bit) => At::Check(bit),
            At::Check(bit) => match seen {
                Some(Flag::Raised) => return Progress::Waits,
                Some(Flag::Gave(theirs)) if bit == giving(side, theirs) => return Progress::Waits,
                Some(Flag::Gave(_)) | None => self.won(),
            },
            At::Lower if self.level > 0 => {
                self.level -= 1;
                At::Lower
            }
            At::Lower => At::Outside,
            At::Inside | At::Outside => self.at,
        };
        match self.at {
            At::Inside => Progress::Inside,
            At::Outside => Progress::Outside,
            _ => Progress::Moved,
        }
    }

    fn won(&mut self) -> At {
        if self.level + 1 == self.slot.levels() {
            return At::Inside;
        }
        self.level += 1;
        At::Raise
    }

    /// From here on it lowers its flags, the highest first: whoever follows through a node must find those above free.
    pub fn leave(&mut self) {
        if self.at != At::Outside {
            self.at = At::Lower;
        }
    }

    /// One access.
    pub fn step(&mut self, registers: &mut impl Registers) -> Progress {
        let seen = match self.access() {
            Some(Access::Read(place)) => registers.read(place),
            Some(Access::Write(place, mark)) => {
                registers.write(place, mark);
                None
            }
            None => None,
        };
        self.answered(seen)
    }

    /// Steps until it is inside, outside, or has to wait for another's write.
    pub fn run(&mut self, registers: &mut impl Registers) -> Progress {
        loop {
            match self.step(registers) {
                Progress::Moved => {}
                settled => return settled,
            }
        }
    }
}
