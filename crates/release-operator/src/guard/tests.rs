use std::sync::{Arc, Mutex};

use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use service_kit::membership::{MemberId, Members, Standing};
use tokio::sync::watch;

use k8s_openapi::api::core::v1::ConfigMap;

use super::*;
use crate::api_server;
use crate::shares::Shares;

struct World {
    client: Client,
    seen: Arc<Mutex<Vec<String>>>,
    members: watch::Sender<Members>,
    shares: Arc<Shares>,
}

fn key() -> crate::context::Key {
    ("dev".to_owned(), "web".to_owned())
}

/// An API server with one ConfigMap, and a replica that has one object.
fn world() -> World {
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let log = seen.clone();
    let server = api_server::client(move |method, path| {
        log.lock().unwrap().push(format!("{method} {path}"));
        (200, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "dev"}}))
    });
    let me: MemberId = "me".parse().unwrap();
    let members = watch::Sender::new(Members::alone(me.clone()));
    let shares = Arc::new(Shares::new(members.subscribe(), Standing::alone(me)));
    shares.update(&[key()]);
    World { client: guarded(server), seen, members, shares }
}

/// One of each kind of request; how many were refused.
async fn requests(client: &Client) -> usize {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), "dev");
    let (post, patch) = (PostParams::default(), Patch::Merge(json!({})));
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let refused = [
        api.get("a").await.is_err(),
        api.patch("a", &dry, &patch).await.is_err(),
        api.patch("a", &PatchParams::apply("b"), &patch).await.is_err(),
        api.create(&post, &ConfigMap::default()).await.is_err(),
        api.delete("a", &DeleteParams::default()).await.is_err(),
    ];
    refused.into_iter().filter(|refused| *refused).count()
}

#[tokio::test]
async fn who_has_no_right_writes_nothing() {
    let world = world();
    assert_eq!(requests(&world.client).await, 3);
    let seen = std::mem::take(&mut *world.seen.lock().unwrap());
    assert_eq!(
        seen,
        ["GET /api/v1/namespaces/dev/configmaps/a", "PATCH /api/v1/namespaces/dev/configmaps/a?&dryRun=All"]
    );
    assert_eq!(asked_by_person(requests(&world.client)).await, 0);
    assert!(world.shares.begin(&("dev".to_owned(), "other".to_owned())).is_none());
}

#[tokio::test]
async fn a_look_writes_while_the_object_is_ours() {
    let world = world();
    let work = world.shares.begin(&key()).unwrap();
    assert_eq!(working(work.clone(), requests(&world.client)).await, 0);
    let writes = world.seen.lock().unwrap().iter().filter(|line| line.ends_with("timeout=8s")).count();
    assert_eq!(writes, 3, "{:?}", world.seen.lock().unwrap());
    // The group has changed, and we are no member of it any more: a write waits until that was taken in, and is refused.
    world.members.send_modify(|members| members.live.clear());
    let after = tokio::spawn(working(work, {
        let client = world.client.clone();
        async move { requests(&client).await }
    }));
    tokio::task::yield_now().await;
    assert!(!after.is_finished());
    world.shares.update(&[key()]);
    assert_eq!(after.await.unwrap(), 3);
    assert!(world.shares.begin(&key()).is_none());
}
