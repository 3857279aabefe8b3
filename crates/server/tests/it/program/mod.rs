//! The program as a process: its command line, its limits, its ends.

mod command_line;
mod crash;
mod disk;
mod shutdown;
mod tls;
