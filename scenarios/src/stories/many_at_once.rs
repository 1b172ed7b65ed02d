//! Twenty creates at once, and as many destroys: each has its own domain, and the list is answered meanwhile.

use std::collections::BTreeSet;
use std::thread;

use anyhow::{Result, anyhow, ensure};
use xenith_api::client::Client;
use xenith_api::latest::{CreateRequest, DomainConfig};

use crate::world::{Api, Guest, World, config, gone};

const MANY: usize = 20;

pub fn run(world: &mut dyn World) -> Result<()> {
    let one = config(world, "many", Guest::Halting)?;
    let configs: Vec<DomainConfig> = (0..MANY).map(|index| DomainConfig { name: format!("many-{index}"), ..one.clone() }).collect();
    let before = world.client().list()?.len();
    let domains = at_once(&world.api(), &configs, |client, config| {
        let request = CreateRequest { config: config.clone(), paused: true, dry_run: false };
        let created = client.create(&request)?;
        // Whoever looks meanwhile sees it whole.
        let seen = client.domain(&config.name)?;
        ensure!(created.domain.as_ref().is_some_and(|domain| domain.uuid == seen.uuid), "{}: {created:?} is {seen:?}", config.name);
        Ok((seen.domid, seen.uuid))
    })?;
    let (domids, uuids): (BTreeSet<u16>, BTreeSet<_>) = domains.into_iter().unzip();
    ensure!(domids.len() == MANY && uuids.len() == MANY, "{} domids and {} uuids of {MANY} domains", domids.len(), uuids.len());
    ensure!(world.client().list()?.len() == before + MANY, "not all are listed");
    at_once(&world.api(), &configs, |client, config| Ok(client.destroy(&config.name)?))?;
    configs.iter().try_for_each(|config| gone(world, &config.name))
}

/// One thread for each.
fn at_once<T: Send>(api: &Api, configs: &[DomainConfig], work: impl Fn(&Client<Api>, &DomainConfig) -> Result<T> + Sync) -> Result<Vec<T>> {
    thread::scope(|scope| {
        let running: Vec<_> = configs.iter().map(|config| scope.spawn(|| work(&Client::new(api.clone()), config))).collect();
        running.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?).collect()
    })
}
