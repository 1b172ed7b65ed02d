//! Changing memory and vcpus of a domain that runs.

use uuid::Uuid;
use xen_store::client::Request;
use xen_store::path;
use xenith_api::latest::{Code, Problem};

use super::{Engine, Seen, failed, journal_problem};
use crate::check;
use crate::facts::SizeFacts;
use crate::fault::Fault;
use crate::journal::{Operation, ResizeEntry};
use crate::nodes;
use crate::plan::{self, Wanted};
use crate::run;

impl Engine {
    /// Tells Xen and the guest how large the domain shall be, or leaves everything as it was; none where it is told that already.
    /// `operation` is the operation's id, unique.
    pub fn resize(&self, operation: Uuid, seen: &Seen, name: &str, wanted: &Wanted) -> Result<Option<ResizeEntry>, Problem> {
        let subject = format!("domain {name}");
        if *wanted == (Wanted { memory_kib: None, vcpus: None }) {
            let title = format!("{subject}: neither memory nor vcpus are given");
            return Err(Problem::new(Code::BadRequest, subject, title, "give one of them, or both"));
        }
        if let Some(problem) = check::problem(name, check::size(wanted.memory_kib, wanted.vcpus)) {
            return Err(problem);
        }
        let facts = self.size_facts(seen, name).map_err(|fault| fault.problem(&subject, None))?;
        let entry = plan::size(wanted, &facts)?;
        if entry.from == entry.to {
            return Ok(None);
        }
        let page = self.journal.begin(operation, &Operation::Resize(entry.clone())).map_err(|error| journal_problem(&subject, &error))?;
        let plan = plan::resize(&entry);
        let finished = run::start(&self.run(&plan.steps, &self.world, true), page);
        finished.map_err(|failure| failed(&subject, &failure))?;
        Ok(Some(entry))
    }

    /// What Xen and the store say of its size, asked in one go.
    fn size_facts(&self, seen: &Seen, name: &str) -> Result<SizeFacts, Fault> {
        let domid = seen.domid();
        let (home, libxl) = (path::domain(domid), path::libxl(domid));
        let vcpus = seen.info.max_vcpu_id.map_or(0, |highest| highest.saturating_add(1));
        let figures = [home.memory_target(), home.memory_static_max(), home.memory_videoram(), libxl.domain_type()];
        let online = (0..vcpus).map(|vcpu| home.vcpu_availability(vcpu));
        let requests: Vec<Request> = figures.into_iter().chain(online).map(|path| Request::read(&path)).collect();
        let replies = self.world.stores.with(|store| store.pipeline(&requests))?;
        let mut replies = replies.into_iter().map(|reply| reply.ok().and_then(|value| String::from_utf8(value).ok()));
        let mut next = || replies.next().flatten();
        let number = |text: Option<String>| text.and_then(|text| text.parse::<u64>().ok());
        Ok(SizeFacts {
            uuid: seen.uuid(),
            domid: domid.0,
            name: name.to_owned(),
            target_kib: number(next()),
            static_max_kib: number(next()),
            videoram_kib: number(next()).unwrap_or(0),
            bound_kib: seen.info.max_pages.saturating_mul(4),
            hvm: seen.info.hvm,
            emulated: next().as_deref() == Some("hvm"),
            online: replies.map(|value| value.as_deref() != Some(nodes::availability(false))).collect(),
        })
    }
}
