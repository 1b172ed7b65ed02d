//! Applying configs over the socket: what is missing is done, and nothing the second time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Host, Served};
use xen_abi::Release;
use xenith_api::client::{Applied, Apply, Stored};
use xenith_api::latest::{Code, DomainConfig};

fn told(applied: &Applied) -> (Stored, Vec<String>, bool, bool) {
    (applied.stored, applied.differences.iter().map(ToString::to_string).collect(), applied.started, applied.pending)
}

#[test]
fn a_second_apply_does_nothing() {
    let host = Host::new(Release::V4_17);
    let control = host.start();
    let mut served = Served::new(&host, control.clone());
    let client = served.client();
    let mut config: DomainConfig = serde_json::from_value(host.create_request("web")["config"].clone()).unwrap();
    let (dry, now) = (Apply { dry_run: true, store_only: false }, Apply::default());

    let before = host.everything();
    let wanted = (Stored::New, vec![], true, false);
    assert_eq!(told(&client.apply(&config, dry).unwrap()), wanted);
    assert_eq!(host.everything(), before, "a dry run does nothing");
    assert_eq!(client.config("web").unwrap_err().code, Code::ConfigNotFound);
    assert_eq!(told(&client.apply(&config, now).unwrap()), wanted);

    let (running, events) = (host.everything(), control.events().read(0).unwrap().last);
    for how in [now, dry] {
        assert!(client.apply(&config, how).unwrap().is_nothing());
    }
    assert_eq!((host.everything(), control.events().read(0).unwrap().last), (running, events));

    config.vcpus = 2;
    let wanted = (Stored::Changed, vec!["vcpus: 1 -> 2".to_owned()], false, true);
    assert_eq!(told(&client.apply(&config, dry).unwrap()), wanted);
    assert_eq!(told(&client.apply(&config, now).unwrap()), wanted);
    let again = client.apply(&config, now).unwrap();
    assert!(again.is_nothing() && again.pending);
    client.destroy("web").unwrap();
    assert_eq!(told(&client.apply(&config, Apply { store_only: true, ..now }).unwrap()), (Stored::Same, vec![], false, false));
    assert_eq!(told(&client.apply(&config, now).unwrap()), (Stored::Same, vec![], true, false));
    assert_eq!(client.domain("web").unwrap().vcpus, 2);

    let mut bad = config.clone();
    (bad.name, bad.boot.kernel) = ("bad".to_owned(), "/no/kernel".to_owned());
    assert_eq!(client.apply(&bad, dry).unwrap_err().code, Code::FileUnreadable, "a dry run finds what a start would");
    served.stop();
}
