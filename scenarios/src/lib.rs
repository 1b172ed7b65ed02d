//! Stories that run on the simulator and in the lab
