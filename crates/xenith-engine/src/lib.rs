//! Config to plan to run to journal; the domain state machine
