//! The program as a process: its command line, its limits, its ends.

mod assertions;
mod command_line;
mod crash;
mod credits;
mod demo;
mod disk;
mod limits;
mod shutdown;
mod tls;
