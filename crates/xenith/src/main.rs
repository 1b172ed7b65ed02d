//! One static binary: the roles and the command line.
fn main() {}
