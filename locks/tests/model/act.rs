//! What may happen.

use crate::world::Message;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    Send {
        client: usize,
        process: usize,
    },
    Renew {
        client: usize,
        process: usize,
    },
    Deliver(Message),
    Lose(Message),
    Cut {
        client: usize,
    },
    /// A command at the host.
    Work {
        client: usize,
    },
    Die {
        client: usize,
    },
    /// One register access.
    Compete {
        process: usize,
    },
    CatchUp {
        process: usize,
    },
    /// `late`: its clock lags behind another's.
    Append {
        process: usize,
        late: bool,
    },
    Sync {
        process: usize,
    },
    Follow {
        process: usize,
    },
    Give {
        process: usize,
    },
    Notice {
        process: usize,
    },
    Crash {
        process: usize,
        power: bool,
    },
    Begin {
        process: usize,
    },
    PutOut {
        process: usize,
    },
    /// Who was put out finds out, and becomes a member anew.
    Join {
        process: usize,
    },
    Tick,
}
