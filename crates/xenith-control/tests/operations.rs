//! Operations: what takes longer than its caller waits, what is cancelled, what is asked for twice, and what a kill cuts short.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use common::{Host, json_of, send};
use serde_json::{Value, json};
use xen_abi::Release;
use xen_abi::hypercall::sched::ShutdownReason;
use xen_sim::FaultPlan;
use xenith_api::latest::EventKind;
use xenith_control::{Caller, Control, ControlConfig};
use xenith_engine::run::{Moment, Next};

/// Holds a plan at one moment until it is opened; then the plan goes on, or dies as a kill would have it.
struct Gate {
    at: Moment,
    open: Mutex<Option<Next>>,
    opened: Condvar,
    reached: AtomicBool,
}

impl Gate {
    fn new(at: Moment) -> Arc<Gate> {
        Arc::new(Gate { at, open: Mutex::default(), opened: Condvar::new(), reached: AtomicBool::new(false) })
    }

    fn open(&self, next: Next) {
        *self.open.lock().unwrap() = Some(next);
        self.opened.notify_all();
    }

    async fn reached(&self) {
        while !self.reached.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }

    fn pass(&self, moment: Moment) -> Next {
        if moment != self.at {
            return Next::Go;
        }
        self.reached.store(true, Ordering::Relaxed);
        let open = self.opened.wait_while(self.open.lock().unwrap(), |open| open.is_none()).unwrap();
        open.unwrap()
    }
}

fn gated(host: &Host, gate: &Arc<Gate>) -> Arc<Control> {
    let gate = Arc::clone(gate);
    let hook = Arc::new(move |moment: Moment| gate.pass(moment));
    Arc::new(Control::start(ControlConfig { hook, ..host.config() }).unwrap())
}

/// Begins a create and does not wait; gives the operation's path.
async fn begin(control: &Arc<Control>, host: &Host) -> String {
    let begun = json_of(control, "POST", "/v1/domains?wait=0", Some(host.create_request("web")), 202).await;
    assert_eq!((&begun["state"], &begun["kind"], &begun["subject"]), (&json!("running"), &json!("create"), &json!("web")));
    format!("/v1/operations/{}", begun["id"].as_str().unwrap())
}

async fn create_with_key(control: &Arc<Control>, key: &str, body: &Value) -> (u16, Value) {
    let request = Request::post("/v1/domains?wait=60").header("idempotency-key", key).extension(Caller::root());
    let (status, _, body) = send(control, request.body(Body::from(body.to_string())).unwrap()).await;
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn what_takes_longer_is_an_operation_with_progress_and_a_result() {
    let host = Host::new(Release::V4_20);
    let gate = Gate::new(Moment::BeforeAct(2));
    let control = gated(&host, &gate);
    let path = begin(&control, &host).await;
    while json_of(&control, "GET", &path, None, 200).await["done"] != 2 {
        tokio::task::yield_now().await;
    }
    let under_way = json_of(&control, "GET", &path, None, 200).await;
    let total = under_way["total"].as_u64().unwrap();
    assert!(total > 2 && under_way["steps"].as_array().unwrap().len() as u64 == total, "{under_way}");
    assert_eq!(json_of(&control, "GET", "/v1/domains", None, 200).await[0]["name"], "Domain-0", "nobody waits for it");
    gate.open(Next::Go);
    let ended = json_of(&control, "GET", &format!("{path}?wait=60"), None, 200).await;
    assert_eq!((&ended["state"], &ended["done"], &ended["domain"]["name"]), (&json!("succeeded"), &json!(total), &json!("web")));
    assert!(ended["steps"].as_array().unwrap().iter().all(|step| step["duration_us"].is_u64()));
    assert_eq!(json_of(&control, "GET", "/v1/operations", None, 200).await.as_array().unwrap().len(), 1);
    json_of(&control, "POST", &format!("{path}/cancel"), None, 200).await;
    assert_eq!(json_of(&control, "GET", &path, None, 200).await["state"], "succeeded", "what ended is not changed");
    json_of(&control, "GET", "/v1/operations/none", None, 404).await;
}

#[tokio::test]
async fn a_create_is_cancelled_at_every_step() {
    for release in [Release::V4_14, Release::V4_20] {
        let host = Host::new(release);
        let plan = host.create_request("web");
        let control = host.start();
        let before = host.everything();
        let steps = json_of(&control, "POST", "/v1/domains", Some(json!({ "config": plan["config"], "dry_run": true })), 200).await;
        let steps = steps["plan"].as_array().unwrap().len();
        drop(control);
        assert!(steps > 5);
        for moment in (0..steps).flat_map(|step| [Moment::BeforeAct(step), Moment::AfterAct(step)]) {
            let gate = Gate::new(moment);
            let control = gated(&host, &gate);
            let path = begin(&control, &host).await;
            gate.reached().await;
            let asked = json_of(&control, "POST", &format!("{path}/cancel?wait=0"), None, 200).await;
            assert_eq!((&asked["state"], &asked["cancelling"]), (&json!("running"), &json!(true)));
            gate.open(Next::Go);
            let ended = json_of(&control, "GET", &format!("{path}?wait=60"), None, 200).await;
            assert_eq!((&ended["state"], &ended["error"]["code"]), (&json!("cancelled"), &json!("cancelled")), "{release} {moment:?}");
            assert_eq!(host.everything(), before, "{release} {moment:?}");
        }
    }
}

/// A kernel may end before the operation that started it is through: the word of its end comes when nobody knows the domain yet, and not again.
#[tokio::test]
async fn a_domain_that_stops_while_it_is_made_is_seen_to() {
    let host = Host::new(Release::V4_17);
    let request = json!({ "config": host.create_request("web")["config"], "dry_run": true });
    let plan = json_of(&host.start(), "POST", "/v1/domains", Some(request), 200).await;
    let last = plan["plan"].as_array().unwrap().len() - 1;
    let before = host.everything();
    // The create comes to the step, and the restart in its second half: its destroy has fewer.
    for restart in [false, true] {
        if restart {
            json_of(&host.start(), "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
        }
        let gate = Gate::new(Moment::AfterAct(last));
        let control = gated(&host, &gate);
        let path = match restart {
            false => begin(&control, &host).await,
            true => {
                let begun = json_of(&control, "POST", "/v1/domains/web/restart?wait=0", None, 202).await;
                format!("/v1/operations/{}", begun["id"].as_str().unwrap())
            }
        };
        gate.reached().await;
        host.stop(host.domids()[0], ShutdownReason::Poweroff);
        let looking = Arc::clone(&control);
        let look = tokio::task::spawn_blocking(move || looking.observe().unwrap());
        let due = tokio::time::timeout(Duration::from_secs(30), look).await;
        gate.open(Next::Go);
        let due = due.expect("a look that does not wait for the operation").unwrap();
        assert!(due.is_some_and(|due| due < Duration::from_secs(1)), "restart {restart}: looked at again in {due:?}");
        let ended = json_of(&control, "GET", &format!("{path}?wait=60"), None, 200).await;
        assert_eq!(ended["state"], "succeeded", "restart {restart}: {ended}");
        assert_eq!((control.observe().unwrap(), host.everything()), (None, before.clone()), "restart {restart}: it stopped, and goes");
    }
}

#[tokio::test]
async fn a_create_that_stands_still_at_any_step_costs_a_list_nothing() {
    let host = Host::new(Release::V4_17);
    let control = host.start();
    // Hypercalls and mappings of a list.
    let list = async |control: &Arc<Control>| {
        host.machine.set_faults(FaultPlan::none());
        let domains = json_of(control, "GET", "/v1/domains", None, 200).await;
        (host.machine.steps().iter().map(|step| step.name).collect::<Vec<_>>(), domains.as_array().unwrap().len())
    };
    json_of(&control, "POST", "/v1/domains", Some(host.create_request("idle")), 201).await;
    let (idle, two) = list(&control).await;
    assert!(!idle.is_empty() && two == 2);
    let plan = json!({ "config": host.create_request("web")["config"], "dry_run": true });
    let steps = json_of(&control, "POST", "/v1/domains", Some(plan), 200).await["plan"].as_array().unwrap().len();
    drop(control);
    for moment in (0..steps).flat_map(|step| [Moment::BeforeAct(step), Moment::AfterAct(step)]) {
        let gate = Gate::new(moment);
        let control = gated(&host, &gate);
        let path = begin(&control, &host).await;
        gate.reached().await;
        let (meanwhile, domains) = list(&control).await;
        assert_eq!((meanwhile, domains - 2), (idle.clone(), usize::from(domains > 2)), "{moment:?}");
        json_of(&control, "POST", &format!("{path}/cancel?wait=0"), None, 200).await;
        gate.open(Next::Go);
        json_of(&control, "GET", &format!("{path}?wait=60"), None, 200).await;
    }
}

#[tokio::test]
async fn the_same_request_with_the_same_key_is_done_once() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    let request = host.create_request("web");
    let (status, first) = create_with_key(&control, "k1", &request).await;
    assert_eq!(status, 201);
    let (status, again) = create_with_key(&control, "k1", &request).await;
    assert_eq!((status, &again["domain"]["uuid"]), (201, &first["domain"]["uuid"]));
    let (status, reused) = create_with_key(&control, "k1", &host.create_request("other")).await;
    assert_eq!((status, &reused["code"]), (422, &json!("key-reused")));
    let (status, taken) = create_with_key(&control, "k2", &request).await;
    assert_eq!((status, &taken["code"]), (409, &json!("name-in-use")), "another key is another request");
    drop(control);
    let control = host.start();
    let (status, later) = create_with_key(&control, "k1", &request).await;
    assert_eq!((status, &later["domain"]["uuid"]), (201, &first["domain"]["uuid"]), "the next daemon knows the key");
    assert_eq!(host.domids().len(), 1);
}

#[tokio::test]
async fn a_retry_after_a_kill_at_any_step_makes_one_domain() {
    for step in 0..30 {
        let host = Host::new(Release::V4_17);
        let gate = Gate::new(Moment::AfterAct(step));
        let killed = gated(&host, &gate);
        let request = host.create_request("web");
        let stuck = tokio::spawn({
            let (killed, request) = (Arc::clone(&killed), request.clone());
            async move { create_with_key(&killed, "key", &request).await }
        });
        // Until the plan stands at the gate, or is through: then there are no more steps.
        while !gate.reached.load(Ordering::Relaxed) && !stuck.is_finished() {
            tokio::task::yield_now().await;
        }
        if stuck.is_finished() {
            assert!(step > 5, "a plan has more steps");
            return;
        }
        // What the killed daemon held is as it left it: the next one starts on that.
        let control = host.start();
        let (status, made) = create_with_key(&control, "key", &request).await;
        assert_eq!(status, 201, "step {step}: {made}");
        let list = json_of(&control, "GET", "/v1/domains", None, 200).await;
        assert_eq!(list.as_array().unwrap().len(), 2, "step {step}: {list}");
        assert_eq!(list[1]["uuid"], made["domain"]["uuid"], "step {step}");
        gate.open(Next::Die);
        stuck.await.unwrap();
    }
    panic!("the last step was not reached");
}

/// A request without a body and with a key: the status and what came back.
async fn post_with_key(control: &Arc<Control>, path: &str, key: &str) -> (u16, Value) {
    let request = Request::post(format!("{path}?wait=60")).header("idempotency-key", key).extension(Caller::root());
    let (status, _, body) = send(control, request.body(Body::empty()).unwrap()).await;
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn domid(control: &Arc<Control>) -> u64 {
    json_of(control, "GET", "/v1/domains/web", None, 200).await["domid"].as_u64().unwrap()
}

#[tokio::test]
async fn a_start_with_the_same_key_is_done_once() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    json_of(&control, "PUT", "/v1/configs/web", Some(host.create_request("web")["config"].clone()), 201).await;
    let (status, first) = post_with_key(&control, "/v1/configs/web/start", "k1").await;
    assert_eq!(status, 201, "{first}");
    let (status, again) = post_with_key(&control, "/v1/configs/web/start", "k1").await;
    assert_eq!((status, &again["domain"]["domid"]), (201, &first["domain"]["domid"]));
    let (status, taken) = post_with_key(&control, "/v1/configs/web/start", "k2").await;
    assert_eq!((status, &taken["code"]), (409, &json!("name-in-use")), "a fresh key starts nothing that runs");
    let (status, reused) = post_with_key(&control, "/v1/configs/other/start", "k1").await;
    assert_eq!((status, &reused["code"]), (422, &json!("key-reused")), "another path is another request");
    drop(control);
    let control = host.start();
    let (status, later) = post_with_key(&control, "/v1/configs/web/start", "k1").await;
    assert_eq!((status, &later["domain"]["domid"]), (201, &first["domain"]["domid"]), "the next daemon knows the key");
    assert_eq!(host.domids().len(), 1);
}

#[tokio::test]
async fn a_restart_with_the_same_key_is_done_once() {
    let host = Host::new(Release::V4_20);
    let control = host.start();
    json_of(&control, "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
    let path = "/v1/domains/web/restart";
    let mut seen = vec![domid(&control).await];
    for (key, new) in [("k1", true), ("k1", false), ("k2", true), ("k1", false)] {
        assert_eq!(post_with_key(&control, path, key).await.0, 204);
        let now = domid(&control).await;
        assert_eq!(now != *seen.last().unwrap(), new, "{key} after {seen:?}: {now}");
        seen.push(now);
    }
    drop(control);
    let control = host.start();
    assert_eq!(post_with_key(&control, path, "k2").await.0, 204);
    assert_eq!(domid(&control).await, *seen.last().unwrap(), "the next daemon knows the key");
    json_of(&control, "DELETE", "/v1/domains/web", None, 204).await;
    assert_eq!(post_with_key(&control, path, "k3").await.0, 404);
}

/// Whether the request that a kill cut short at this moment, sent again to the next daemon, is done once; none where there is no such moment.
async fn cut_short(moment: Moment, path: &str, running: bool) -> Option<u64> {
    let host = Host::new(Release::V4_17);
    let control = host.start();
    json_of(&control, "PUT", "/v1/configs/web", Some(host.create_request("web")["config"].clone()), 201).await;
    if running {
        json_of(&control, "POST", "/v1/configs/web/start", None, 201).await;
    }
    drop(control);
    let gate = Gate::new(moment);
    let killed = gated(&host, &gate);
    let stuck = tokio::spawn({
        let (killed, path) = (Arc::clone(&killed), path.to_owned());
        async move { post_with_key(&killed, &path, "key").await }
    });
    while !gate.reached.load(Ordering::Relaxed) && !stuck.is_finished() {
        tokio::task::yield_now().await;
    }
    if stuck.is_finished() {
        return None;
    }
    let control = host.start();
    let (status, said) = post_with_key(&control, path, "key").await;
    let events = control.events().read(0).unwrap();
    let created = events.lines.iter().filter(|(_, kind, _)| *kind == EventKind::DomainCreated).count() as u64;
    let domids = host.domids();
    // Whoever stands at the gate is let go before anything is judged: a test that fails shall end.
    gate.open(Next::Die);
    stuck.await.unwrap();
    assert!(status == 201 || status == 204, "{moment:?} {path}: {status} {said}");
    assert_eq!(domids.len(), 1, "{moment:?} {path}");
    Some(created)
}

#[tokio::test]
async fn starts_and_restarts_that_a_kill_cut_short_are_done_once() {
    for (path, running, lives) in [("/v1/configs/web/start", false, 1), ("/v1/domains/web/restart", true, 2)] {
        let mut steps = 0;
        while let Some(created) = cut_short(Moment::AfterAct(steps), path, running).await {
            assert_eq!(created, lives, "{path} cut short after step {steps}");
            steps += 1;
        }
        assert!(steps > 5, "{path} has more steps");
    }
}

/// A domain of 16 MiB, a control that was killed at this moment of a resize to 12 MiB, and what the next ones told of it: detail, caller, domain.
async fn told_of_a_resize(release: Release, turns_back: bool, at: Moment) -> Vec<(String, Value, Value)> {
    let host = Host::new(release);
    json_of(&host.start(), "POST", "/v1/domains", Some(host.create_request("web")), 201).await;
    let died = AtomicBool::new(false);
    let hook = Arc::new(move |moment: Moment| match moment {
        moment if moment == at || died.load(Ordering::Relaxed) => {
            died.store(true, Ordering::Relaxed);
            Next::Die
        }
        Moment::AfterAct(2) if turns_back => Next::Cancel,
        _ => Next::Go,
    });
    let killed = Arc::new(Control::start(ControlConfig { hook, ..host.config() }).unwrap());
    let resize = json!({ "memory": "12MiB" }).to_string();
    let (status, ..) = common::ask(&killed, "POST", "/v1/domains/web/resize", resize).await;
    assert!(status >= 400, "{release} {at:?}");
    drop(killed);
    // The one after the next has nothing to add.
    drop(host.start());
    let control = host.start();
    let (_, _, log) = common::ask(&control, "GET", "/v1/events?since=0", "").await;
    let log = String::from_utf8(log).unwrap();
    let all = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let changed = all.filter(|event| event["kind"] == "domain-changed");
    changed.map(|event| (event["detail"].as_str().unwrap().to_owned(), event["caller"].clone(), event["domain"]["name"].clone())).collect()
}

#[tokio::test]
async fn a_resize_that_the_next_daemon_finishes_is_told_once_and_one_that_it_takes_back_never() {
    for release in [Release::V4_14, Release::V4_17, Release::V4_20, Release::V4_22] {
        for step in 0..3 {
            for at in [Moment::BeforeAct(step), Moment::AfterAct(step)] {
                let expected = [("d1 web: memory 16MiB to 12MiB".to_owned(), Value::Null, json!("web"))];
                assert_eq!(told_of_a_resize(release, false, at).await, expected, "{release} {at:?}");
            }
            for at in [Moment::BeforeUndo(step), Moment::AfterUndo(step)] {
                assert_eq!(told_of_a_resize(release, true, at).await, [], "{release} {at:?}");
            }
        }
    }
}
