//! The rule by which a host admits a fence, wherever it is applied: on the hosts, in the fakes, in a model.

use crate::Fence;
use crate::lock::Mode;

/// The highest fences of one lock that a host has seen, by the mode in which they were held; zero for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    pub exclusive: Fence,
    pub shared: Fence,
}

impl Seen {
    /// What is seen from now on, or the higher fence that stands against it. The same fence is admitted again. Those who
    /// share a lock do not stand against one another, whichever of them was granted it last.
    pub fn admit(self, mode: Mode, offered: Fence) -> Result<Self, Fence> {
        let against = match mode {
            Mode::Exclusive => self.exclusive.max(self.shared),
            Mode::Shared => self.exclusive,
        };
        if against > offered {
            return Err(against);
        }
        Ok(match mode {
            Mode::Exclusive => Self { exclusive: offered, ..self },
            Mode::Shared => Self { shared: self.shared.max(offered), ..self },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mode::{Exclusive, Shared};

    /// Which of these are admitted, one after the other.
    fn admitted<const N: usize>(offers: [(Mode, i64); N]) -> [bool; N] {
        let mut seen = Seen::default();
        offers.map(|(mode, fence)| match seen.admit(mode, Fence(fence)) {
            Ok(now) => {
                seen = now;
                true
            }
            Err(against) => {
                assert!(against > Fence(fence));
                false
            }
        })
    }

    #[test]
    fn a_smaller_fence_is_refused_and_the_same_and_a_higher_one_are_admitted() {
        assert_eq!(
            admitted([(Exclusive, 5), (Exclusive, 5), (Exclusive, 4), (Exclusive, 6), (Exclusive, 5)]),
            [true, true, false, true, false]
        );
    }

    #[test]
    fn those_who_share_do_not_stand_against_one_another() {
        assert_eq!(
            admitted([(Shared, 5), (Shared, 7), (Shared, 5), (Exclusive, 6), (Exclusive, 8), (Shared, 7)]),
            [true, true, true, false, true, false]
        );
    }
}
