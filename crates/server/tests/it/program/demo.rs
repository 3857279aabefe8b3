//! The demo's own commands, as it prints them.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use crate::support::process::PROGRAM;

struct Demo {
    child: Child,
    screen: Vec<String>,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The demo's ports are part of its contract, so only one test may start it; another program on them is not its fault.
#[test]
fn every_command_that_the_demo_prints_works() {
    if ["127.0.0.1:8080", "127.0.0.1:8443"].iter().any(|address| std::net::TcpListener::bind(address).is_err()) {
        crate::support::skipped("the demo's ports are taken by another program");
        return;
    }
    // What is set for the real thing does not reach the demo.
    let mut child = Command::new(PROGRAM)
        .arg("demo")
        .env("KEYWARD_STORE__DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
        .env("KEYWARD_LISTEN__HTTP", "127.0.0.1:1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut demo = Demo { child, screen: Vec::new() };
    for line in output.lines() {
        let line = line.unwrap();
        let done = line.starts_with("ready ");
        demo.screen.push(line);
        if done {
            break;
        }
    }
    let exports: Vec<&str> =
        demo.screen.iter().filter(|line| line.starts_with("export ")).map(String::as_str).collect();
    let commands: Vec<&String> = demo.screen.iter().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!((exports.len(), commands.len()), (6, 12));
    let wanted = [
        ("200", r#""code":"VALID""#),
        ("200", r#""data":{}"#),
        ("200", r#""code":"INSUFFICIENT_PERMISSIONS""#),
        ("200", r#""slug":"read:posts""#),
        ("200", r#""scope":"read:refunds create:refunds""#),
        ("200", r#""scope":"read:refunds""#),
        ("200", "read:posts"),
        ("201", "publish:posts"),
        ("200", "release:posts"),
        ("204", ""),
        ("200", "read:posts"),
        ("200", "Update a resource server"),
    ];
    for (command, (status, part)) in commands.iter().zip(wanted) {
        let script = format!("{}\n{command} -sS -w '%{{http_code}}'", exports.join("\n"));
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        let (answer, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(answer.ends_with(status) && answer.contains(part), "{command}: {answer} {errors}");
    }
    let authority = std::path::PathBuf::from(exports[0].split('\'').nth(1).unwrap());
    assert!(authority.is_file());
    crate::support::process::terminate(&demo.child);
    assert!(demo.child.wait().unwrap().success());
    assert!(!authority.ancestors().nth(2).unwrap().exists(), "everything is gone when it ends");
}
