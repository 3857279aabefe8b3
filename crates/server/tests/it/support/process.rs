//! The real program as a process of its own.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_keyward");

pub(crate) struct Process {
    child: Child,
    pub(crate) http: String,
    pub(crate) https: String,
    /// What it printed before it was ready.
    pub(crate) said: Vec<String>,
    log: Option<std::thread::JoinHandle<String>>,
}

/// `keyward serve` on free ports, with more arguments; the answer comes when it says that it is ready.
pub(crate) fn serve(directory: &Path, more: &[&str]) -> Process {
    let mut command = Command::new(PROGRAM);
    command.args(["serve", "--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--data-dir"]).arg(directory).args(more);
    start(command)
}

#[expect(clippy::zombie_processes, reason = "a program that ended by itself is reported, and the test is over")]
pub(crate) fn start(mut command: Command) -> Process {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = child.stderr.take().unwrap();
    let log = std::thread::spawn(move || {
        let mut text = String::new();
        errors.read_to_string(&mut text).unwrap();
        text
    });
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = Vec::new();
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).unwrap() == 0 {
            panic!("the program ended before it was ready: {}", log.join().unwrap());
        }
        if let Some(addresses) = line.strip_prefix("ready ") {
            let of = |scheme: &str| {
                addresses.split_whitespace().find(|a| a.starts_with(scheme)).unwrap_or_default().to_owned()
            };
            return Process { child, http: of("http://"), https: of("https://"), said, log: Some(log) };
        }
        said.push(line);
    }
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`: nothing in the process gets a chance to tidy up.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop and returns whether it ended well, and its log.
    pub(crate) fn stop(mut self) -> (bool, String) {
        self.tell_to_stop();
        let status = self.child.wait().unwrap();
        (status.success(), self.log.take().unwrap().join().unwrap())
    }

    pub(crate) fn tell_to_stop(&self) {
        terminate(&self.child);
    }
}

#[expect(unsafe_code, reason = "the standard library can't send SIGTERM")]
pub(crate) fn terminate(child: &Child) {
    let id = i32::try_from(child.id()).unwrap();
    // SAFETY: kill has no memory effects, and the child has not been waited for, so its id is its own.
    unsafe { libc::kill(id, libc::SIGTERM) };
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a one-shot command prints: status, standard output, standard error.
pub(crate) fn run(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// A token from the command line.
pub(crate) fn token(directory: &Path, more: &[&str]) -> String {
    let mut arguments = vec!["token", "--data-dir", directory.to_str().unwrap()];
    arguments.extend(more);
    let (good, output, errors) = run(&arguments);
    assert!(good, "{errors}");
    output.trim().to_owned()
}

/// A root key that may do everything, from the command line.
pub(crate) fn root_key(directory: &Path, more: &[&str]) -> String {
    let mut arguments = vec!["root-key", "create", "--name", "test", "--permission", "*"];
    arguments.extend(["--data-dir", directory.to_str().unwrap()]);
    arguments.extend(more);
    let (good, output, errors) = run(&arguments);
    assert!(good, "{errors}");
    output.trim().to_owned()
}

pub(crate) async fn json(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, response.json().await.unwrap_or(Value::Null))
}
