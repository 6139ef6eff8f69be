//! Files: whole or not at all, under any name.

use super::{Ground, noise};
use futures::future::join_all;
use hosts::Invocation;

/// None of these may be taken for anything but a name.
const ODD: &[&str] = &[
    "plain",
    "with blanks",
    "it's",
    "\"quoted\"",
    "new\nline",
    "ends in one\n",
    "-rf",
    "--",
    "$HOME",
    "`id`",
    "$(id)",
    "*",
    "back\\slash",
    "ü→🐂",
    ".hidden",
    "%h",
    ";",
    "a&b",
];

pub async fn what_is_put_is_got(ground: &Ground) {
    let (host, path) = (ground.host.as_ref(), ground.path("a/b/file"));
    assert_eq!(host.get(&path).await.unwrap(), None);
    for bytes in
        [noise(300_000), b"shorter".to_vec(), Vec::new(), b"ends in newlines\n\n".to_vec(), vec![0, 255, b'.', 0]]
    {
        host.put(&path, &bytes, 0o644).await.unwrap();
        assert!(host.get(&path).await.unwrap() == Some(bytes));
    }
}

pub async fn what_is_removed_is_absent_and_may_be_absent_before(ground: &Ground) {
    let (host, path) = (ground.host.as_ref(), ground.path("file"));
    host.put(&path, b"here", 0o600).await.unwrap();
    for _ in 0..2 {
        host.remove(&path).await.unwrap();
        assert_eq!(host.get(&path).await.unwrap(), None);
    }
    host.remove(&ground.path("no/such/folder/file")).await.unwrap();
}

pub async fn odd_names_are_only_names(ground: &Ground) {
    let names = ODD.iter().copied().chain(["odd folder\n/file", "-p/-f"]);
    join_all(names.map(|name| ground.path(name)).map(|path| async move {
        let host = ground.host.as_ref();
        host.put(&path, path.as_bytes(), 0o600).await.unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert_eq!(host.get(&path).await.unwrap().as_deref(), Some(path.as_bytes()), "{path:?}");
        host.remove(&path).await.unwrap();
        assert_eq!(host.get(&path).await.unwrap(), None, "{path:?}");
    }))
    .await;
}

pub async fn many_at_once_leave_one_whole_file(ground: &Ground) {
    let path = ground.path("contended");
    let whole = |turn: usize| vec![b'a' + turn as u8; 100_000 + turn];
    join_all((0..8).map(|turn| {
        let (path, bytes) = (path.clone(), whole(turn));
        async move { ground.host.put(&path, &bytes, 0o600).await.unwrap() }
    }))
    .await;
    let found = ground.host.get(&path).await.unwrap().unwrap();
    assert!((0..8).any(|turn| found == whole(turn)), "{} bytes that nobody put", found.len());
}

pub async fn an_empty_folder_is_removed_and_a_full_one_is_not(ground: &Ground) {
    let (host, path) = (ground.host.as_ref(), ground.path("folder/file"));
    host.put(&path, b"", 0o600).await.unwrap();
    let refused = host.remove(&ground.path("folder")).await.unwrap_err();
    assert!(refused.stderr().contains("Directory not empty"), "{refused}");
    assert_eq!(host.get(&path).await.unwrap(), Some(Vec::new()));
    host.remove(&path).await.unwrap();
    host.remove(&ground.path("folder")).await.unwrap();
    let gone = host.run(&Invocation::looks(["test", "-e", &ground.path("folder")]).answers(&[0, 1])).await.unwrap();
    assert_eq!(gone.status, 1);
}

pub async fn a_folder_is_no_file(ground: &Ground) {
    let host = ground.host.as_ref();
    host.put(&ground.path("folder/file"), b"", 0o600).await.unwrap();
    let refused = host.get(&ground.path("folder")).await.unwrap_err();
    assert!(refused.stderr().contains("Is a directory"), "{refused}");
    host.put(&ground.path("folder"), b"over it", 0o600).await.unwrap_err();
    assert_eq!(host.get(&ground.path("folder/file")).await.unwrap(), Some(Vec::new()));
}

/// With the real programs of a Debian machine.
pub async fn the_mode_is_as_asked_and_nothing_else_is_left(ground: &Ground) {
    let (host, path) = (ground.host.as_ref(), ground.path("modes/file"));
    for mode in [0o600, 0o644, 0o755, 0o400] {
        host.put(&path, b"content", mode).await.unwrap();
        let found = host.run(&Invocation::looks(["stat", "-c", "%a", &path])).await.unwrap();
        assert_eq!(found.text().trim(), format!("{mode:o}"));
    }
    let found = host.run(&Invocation::looks(["ls", "-A", &ground.path("modes")])).await.unwrap();
    assert_eq!(found.text(), "file\n");
}
