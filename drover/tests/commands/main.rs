//! The shipped binary, as people use it: the whole fleet in one process, and the commands against it.

mod backups;
mod offline;
mod orphans;
mod rig;
mod up;
mod verbs;
