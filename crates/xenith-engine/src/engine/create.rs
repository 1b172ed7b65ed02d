//! Creating a domain.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;
use xen_abi::DomId;
use xenith_api::latest::{Cost, DomainConfig, Problem, Step};

use super::{Engine, Seen, failed, journal_problem, load};
use crate::check;
use crate::domain;
use crate::facts::CreateFacts;
use crate::fault::Fault;
use crate::journal::{CreateEntry, Operation};
use crate::meter::Meter;
use crate::plan::{self, Plan};
use crate::record::DomainRecord;
use crate::run::{self, Always, Both, Failure, Hook};
use crate::world::{Images, World};

/// What is to be created.
#[derive(Clone, Debug)]
pub struct CreateOrder {
    /// What the domain shall be.
    pub config: DomainConfig,
    /// Its identity; nobody else has it.
    pub uuid: Uuid,
    /// The operation's id, unique.
    pub operation: Uuid,
    /// Leave it paused.
    pub paused: bool,
    /// How many times in a row it was restarted soon after its creation.
    pub quick_restarts: u32,
}

/// A domain that was created.
#[derive(Clone, Debug)]
pub struct Created {
    /// What is kept of it.
    pub record: DomainRecord,
    /// The steps, with how long each took.
    pub steps: Vec<Step>,
    /// The domain as Xen showed it then; none where it could not be looked at or was ended at once, which does not undo the create.
    pub seen: Option<Seen>,
    /// What the steps and the look cost.
    pub cost: Cost,
}

/// A create that failed.
#[derive(Debug)]
pub struct NotCreated {
    /// Why.
    pub problem: Box<Problem>,
    /// Something is still to be undone: name and uuid are not free before it is.
    pub leftovers: bool,
}

impl From<Problem> for NotCreated {
    fn from(problem: Problem) -> NotCreated {
        NotCreated { problem: Box::new(problem), leftovers: false }
    }
}

impl Engine {
    /// The steps that would create it, or every reason why there are none.
    pub fn plan_create(&self, order: &CreateOrder) -> Result<Vec<Step>, Problem> {
        let (plan, _, _) = self.prepare(order)?;
        Ok(plan.told(&[]))
    }

    /// Creates the domain, or leaves everything as it was.
    pub fn create(&self, order: &CreateOrder) -> Result<Created, NotCreated> {
        self.create_watched(order, &Always)
    }

    /// The same with somebody who is told the plan, sees how far it is, and may cancel it.
    pub fn create_watched(&self, order: &CreateOrder, watcher: &dyn Hook) -> Result<Created, NotCreated> {
        let (plan, images, now) = self.prepare(order)?;
        let told = Arc::new(plan.told(&[]));
        watcher.planned(&told);
        let subject = format!("domain {}", order.config.name);
        let entry = CreateEntry {
            uuid: order.uuid,
            paused: order.paused,
            created_ms: milliseconds(now),
            quick_restarts: order.quick_restarts,
            whole_from: plan.whole_from,
            config: order.config.clone(),
        };
        let page = self.journal.begin(order.operation, &Operation::Create(entry.clone())).map_err(|e| journal_problem(&subject, &e))?;
        let (counted, meter) = Meter::on(&self.world);
        let world = World { images: Some(images), ..counted };
        let hook = Both(&*self.hook, watcher);
        let finished = run::start(&self.run_with(&plan.steps, &world, true, &hook), page);
        let finished = finished.map_err(|failure: Failure<Fault>| NotCreated {
            problem: Box::new(failed(&subject, &failure)),
            leftovers: failure.page_stays,
        })?;
        let domid = finished.progress.domid.unwrap_or(DomId::INVALID.0);
        let seen = domain::find(&world, order.uuid, Some(DomId(domid))).ok().flatten().map(|info| Seen { info });
        Ok(Created { record: entry.record(domid), steps: timed(&told, &finished.durations_us), seen, cost: meter.cost() })
    }

    fn prepare(&self, order: &CreateOrder) -> Result<(Plan, Images, Duration), Problem> {
        let config = &order.config;
        // Files are opened only for a config that makes sense.
        if let Some(problem) = check::problem(&config.name, check::complaints(config)) {
            return Err(problem);
        }
        let images = load::images(&self.loader, config)?;
        let now = self.world.clock.since_epoch();
        let facts = CreateFacts {
            host: &self.host,
            kernel: images.kernel.info(),
            initrd_bytes: images.initrd.as_ref().map(|initrd| initrd.bytes()),
            uuid: order.uuid,
            now,
            paused: order.paused,
            quick_restarts: order.quick_restarts,
        };
        let plan = plan::create(config, &facts)?;
        Ok((plan, images, now))
    }
}

/// The steps with how long each took.
fn timed(steps: &[Step], durations_us: &[Option<u64>]) -> Vec<Step> {
    let durations = durations_us.iter().copied().chain(std::iter::repeat(None));
    steps.iter().zip(durations).map(|(step, duration_us)| Step { duration_us, ..step.clone() }).collect()
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl CreateEntry {
    /// What is kept of the domain once it has this number.
    pub(super) fn record(&self, domid: u16) -> DomainRecord {
        let CreateEntry { uuid, created_ms, quick_restarts, ref config, .. } = *self;
        DomainRecord { uuid, domid, created_ms, quick_restarts, held: false, config: config.clone() }
    }
}
