//! Tokens.

use super::world::{World, code};
use errors::iaas as codes;
use iaas::tenant::{CreateToken, Role};

crate::tests::suite! {
    a_secret_is_known_until_it_is_revoked,
    a_kept_secret_is_one_token,
    a_token_fits_its_role,
    only_the_hash_of_a_secret_is_stored,
}

fn wish(name: &str, role: Role) -> CreateToken {
    CreateToken { name: name.into(), role, project_id: None, hosts: Vec::new() }
}

async fn a_secret_is_known_until_it_is_revoked(world: World) {
    let made = world.store.token_create(wish("olga", Role::Operator)).await.unwrap();
    assert!(made.secret.starts_with("drv_") && made.secret.len() == 47, "{}", made.secret.len());
    let who = world.store.authenticate(&made.secret).await.unwrap().unwrap();
    assert_eq!((who.token_id, who.name.as_str(), who.role), (made.info.id, "olga", Role::Operator));
    assert_eq!(world.store.authenticate("drv_wrong").await.unwrap(), None);
    let other = world.store.token_create(wish("oleg", Role::Operator)).await.unwrap();
    let revoked = world.store.token_revoke(made.info.id).await.unwrap();
    assert!(revoked.revoked);
    assert_eq!(world.store.authenticate(&made.secret).await.unwrap(), None);
    assert!(world.store.authenticate(&other.secret).await.unwrap().is_some());
    let names: Vec<_> = world.store.token_list(None, None).await.unwrap().items;
    assert_eq!(names, [revoked, other.info]);
    assert_eq!(code(world.store.token_revoke(99).await), codes::NOT_FOUND.code);
}

async fn a_kept_secret_is_one_token(world: World) {
    assert_eq!(world.store.authenticate("drv_own").await.unwrap(), None);
    let first = world.store.token_keep(wish("local", Role::Operator), "drv_own").await.unwrap();
    let again = world.store.token_keep(wish("other", Role::Operator), "drv_own").await.unwrap();
    assert_eq!(first, again);
    assert_eq!(world.store.authenticate("drv_own").await.unwrap().unwrap().name, "local");
}

async fn a_token_fits_its_role(world: World) {
    let project = world.project().await;
    let invalid = codes::SPEC_INVALID.code;
    assert_eq!(code(world.store.token_create(wish("t", Role::Tenant)).await.map(|_| ())), invalid);
    assert_eq!(code(world.store.token_create(wish("w", Role::Worker)).await.map(|_| ())), invalid);
    assert_eq!(code(world.store.token_create(wish(" ", Role::Operator)).await.map(|_| ())), invalid);
    let mut tenant = wish("t", Role::Tenant);
    tenant.project_id = Some(model::ProjectId(99));
    assert_eq!(code(world.store.token_create(tenant.clone()).await.map(|_| ())), codes::NOT_FOUND.code);
    tenant.project_id = Some(project.id);
    let made = world.store.token_create(tenant).await.unwrap();
    assert_eq!(world.store.authenticate(&made.secret).await.unwrap().unwrap().project_id, Some(project.id));
    let mut worker = wish("w", Role::Worker);
    worker.hosts = vec!["kvm-1".into()];
    let made = world.store.token_create(worker).await.unwrap();
    let who = world.store.authenticate(&made.secret).await.unwrap().unwrap();
    assert!(who.covers("kvm-1") && !who.covers("kvm-2"));
}

async fn only_the_hash_of_a_secret_is_stored(world: World) {
    use sqlx::Row;
    let made = world.store.token_create(wish("olga", Role::Operator)).await.unwrap();
    let row = sqlx::query("SELECT * FROM tokens").fetch_one(world.store.pool()).await.unwrap();
    for column in 0..row.len() {
        let text: Option<String> = row.try_get(column).ok().flatten();
        assert!(text.is_none_or(|text| !text.contains(&made.secret[4..])));
    }
}
