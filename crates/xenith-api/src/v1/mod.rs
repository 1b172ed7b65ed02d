//! Version 1 of the API.

pub mod domain;
pub mod form;
pub mod host;
pub mod problem;
pub mod routes;

pub use domain::{
    Action, Boot, Cost, CreateRequest, CreateResponse, Domain, DomainConfig, DomainState, DomainType, On, ShutdownRequest, Step,
};
pub use host::{Host, Root};
pub use problem::{Code, Complaint, Problem};
