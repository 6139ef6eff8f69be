//! Projects, servers and images.

use super::world::{World, code, operator, refusal, tenant};
use errors::iaas as codes;
use model::vm::VmSpec;
use model::{ServerType, Version};
use serde_json::json;

crate::tests::suite! {
    records_are_made_read_listed_changed_and_removed,
    a_change_needs_the_version_that_was_read,
    what_is_used_is_not_removed,
    a_server_keeps_its_name_and_what_is_claimed_of_it,
    a_removed_server_is_gone_for_other_processes_too,
    lists_are_cut_into_pages,
    a_tenant_sees_its_own_project,
}

async fn records_are_made_read_listed_changed_and_removed(world: World) {
    let fleet = world.fleet().await;
    assert_eq!(world.store.project_read(fleet.project.id).await.unwrap(), fleet.project);
    assert_eq!(world.store.server_read(fleet.server.id).await.unwrap(), fleet.server);
    assert_eq!(world.store.image_read(fleet.image.id).await.unwrap(), fleet.image);
    world.pass(1);
    let patch = json!({"grace_hours": 1});
    let project = world.store.project_change(fleet.project.id, Version(1), &patch).await.unwrap();
    assert_eq!((project.spec.grace_hours, project.version, project.updated_at), (1, Version(2), world.now()));
    let patch = json!({"labels": {"disk": "ssd"}});
    let server = world.store.server_change(fleet.server.id, Version(1), &patch).await.unwrap();
    let patch = json!({"min_gb": 7, "firmware": null});
    let image = world.store.image_change(fleet.image.id, Version(1), &patch).await.unwrap();
    assert_eq!(world.store.project_list(None, None).await.unwrap().items, [project]);
    assert_eq!(world.store.server_list(None, None).await.unwrap().items, [server]);
    assert_eq!(world.store.image_list(None, None).await.unwrap().items, [image]);
    world.store.project_delete(fleet.project.id).await.unwrap();
    world.store.server_delete(fleet.server.id).await.unwrap();
    world.store.image_delete(fleet.image.id).await.unwrap();
    assert_eq!(code(world.store.project_read(fleet.project.id).await), codes::NOT_FOUND.code);
    assert_eq!(code(world.store.server_delete(fleet.server.id).await), codes::NOT_FOUND.code);
    let answer = world.store.resource_create(fleet.vm("x"), &operator(), None, None).await;
    assert_eq!(refusal(answer).to_string(), "There is no project 1.");
}

async fn a_change_needs_the_version_that_was_read(world: World) {
    let fleet = world.fleet().await;
    let (old, patch) = (Version(0), json!({}));
    assert_eq!(code(world.store.project_change(fleet.project.id, old, &patch).await), codes::ETAG_MISMATCH.code);
    assert_eq!(code(world.store.server_change(fleet.server.id, old, &patch).await), codes::ETAG_MISMATCH.code);
    assert_eq!(code(world.store.image_change(fleet.image.id, old, &patch).await), codes::ETAG_MISMATCH.code);
    let patch = json!({"colour": "red"});
    assert_eq!(code(world.store.project_change(fleet.project.id, Version(1), &patch).await), codes::SPEC_INVALID.code);
}

async fn what_is_used_is_not_removed(world: World) {
    let fleet = world.fleet().await;
    let made: Vec<_> = [world.vm(&fleet).await, world.vm(&fleet).await].into();
    let refused = refusal(world.store.project_delete(fleet.project.id).await);
    assert_eq!(refused.to_string(), "project 1 is still used by resource 1, 2.");
    assert_eq!(code(world.store.server_delete(fleet.server.id).await), codes::IN_USE.code);
    assert_eq!(code(world.store.image_delete(fleet.image.id).await), codes::IN_USE.code);
    for vm in made {
        world.store.task_cancel(vm.task_id, &operator()).await.unwrap();
    }
    world.store.project_delete(fleet.project.id).await.unwrap();
    world.store.server_delete(fleet.server.id).await.unwrap();
    world.store.image_delete(fleet.image.id).await.unwrap();
}

async fn a_server_keeps_its_name_and_what_is_claimed_of_it(world: World) {
    let fleet = world.fleet().await;
    let answer = world.store.server_create(fleet.server.spec.clone()).await;
    assert_eq!(refusal(answer).to_string(), "There is already a server named phantom-1.");
    world.vm(&fleet).await;
    let patch = json!({"ram_mb": 1000});
    let refused = refusal(world.store.server_change(fleet.server.id, Version(1), &patch).await);
    assert_eq!(refused.to_string(), "The wish is not valid: ram_mb cannot be 1000: 1024 are in use.");
    let patch = json!({"name": "phantom-9"});
    assert_eq!(code(world.store.server_change(fleet.server.id, Version(1), &patch).await), codes::SPEC_INVALID.code);
}

async fn a_removed_server_is_gone_for_other_processes_too(world: World) {
    let fleet = world.fleet().await;
    let other = world.another().await;
    world.vm(&fleet).await;
    let second = world.server("phantom-2", ServerType::Phantom, (200, 999_999, 9999)).await;
    let placed = other.resource_place(fleet.vm("x"), &operator()).await.unwrap();
    assert_eq!(placed.host, "phantom-2");
    world.store.server_delete(second.id).await.unwrap();
    let placed = other.resource_create(fleet.vm("x"), &operator(), None, None).await.unwrap();
    assert_eq!(placed.resource.host, "phantom-1");
    assert_eq!(world.used(&fleet).await.0, 2);
}

async fn lists_are_cut_into_pages(world: World) {
    let fleet = world.fleet().await;
    for _ in 0..5 {
        world.vm(&fleet).await;
    }
    let mut filter = iaas::tenant::ResourceFilter { limit: Some(2), ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let page = world.store.resource_list::<VmSpec>(&filter, &operator()).await.unwrap();
        assert!(page.items.len() <= 2);
        seen.extend(page.items.iter().map(|vm| vm.id.0));
        match page.next {
            Some(next) => filter.cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    filter.cursor = Some("next".into());
    let answer = world.store.resource_list::<VmSpec>(&filter, &operator()).await;
    assert_eq!(code(answer), codes::QUERY_INVALID.code);
    let filter = iaas::tenant::TaskFilter {
        project: Some(fleet.project.id),
        resource: Some(model::ResourceId(3)),
        status: Some(model::task::TaskStatus::Queued),
        host: Some("phantom-1".into()),
        ..Default::default()
    };
    let tasks = world.store.task_list(&filter, &operator()).await.unwrap().items;
    assert!(tasks.iter().map(|task| task.id.0).eq([3]));
}

async fn a_tenant_sees_its_own_project(world: World) {
    let (own, other) = (world.project().await, world.project().await);
    let who = tenant(&own);
    let items = world.store.project_list_as(&who, None, None).await.unwrap().items;
    assert_eq!(items, std::slice::from_ref(&own));
    assert_eq!(world.store.project_read_as(own.id, &who).await.unwrap(), own);
    assert_eq!(code(world.store.project_read_as(other.id, &who).await), codes::NOT_YOURS.code);
    assert_eq!(world.store.project_list_as(&operator(), None, None).await.unwrap().items.len(), 2);
}
