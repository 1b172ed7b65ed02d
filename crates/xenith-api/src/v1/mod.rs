//! Version 1 of the API.

pub mod access;
pub mod cpupool;
pub mod crash;
pub mod doctor;
pub mod domain;
pub mod event;
pub mod form;
pub mod host;
pub mod operation;
pub mod problem;
pub mod routes;
pub mod store;
pub mod stored;

pub use access::Role;
pub use cpupool::{CpuPool, CpuPools};
pub use crash::{CoreDump, Crash, CrashReport, DumpRequest, VcpuRegisters};
pub use doctor::{Diagnosis, Finding, FindingKind, Holder};
pub use domain::{
    Action, Boot, Cost, CreateRequest, CreateResponse, Domain, DomainConfig, DomainState, DomainType, On, RenameRequest, ResizeRequest,
    ShutdownRequest, Start, Step,
};
pub use event::{Event, EventDomain, EventKind};
pub use host::{Host, Root};
pub use operation::{Operation, OperationKind, OperationState};
pub use problem::{Code, Complaint, Problem};
pub use store::{StoreNode, StoreNodes, StoreValue};
pub use stored::{Difference, StartRequest, StoredConfig};
