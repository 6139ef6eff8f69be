//! The suite, written once and run on both databases: on SQLite always, on PostgreSQL when `DROVER_TEST_POSTGRES` holds the
//! URL of an admin database.

mod backups;
mod cancel;
mod change;
mod claim;
mod companions;
mod create;
mod drift;
mod errand;
mod feed;
mod gpu;
mod group;
mod pair;
mod place;
mod records;
mod settle;
mod snapshot;
mod sweep;
mod tokens;
mod wait;
mod world;

/// Runs each of the functions, which take a [`world::World`], as a test on each database.
macro_rules! suite {
    ($($name:ident,)*) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                crate::tests::world::on_sqlite(super::$name).await;
            })*
        }

        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                crate::tests::world::on_postgres(super::$name).await;
            })*
        }
    };
}
pub(crate) use suite;
