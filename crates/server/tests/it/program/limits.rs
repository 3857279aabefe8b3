//! Connections that say nothing, bodies that stall, and every seat taken.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::support::process::{self, Process, start};

fn serve_with(directory: &std::path::Path, variables: &[(&str, &str)]) -> Process {
    let mut command = std::process::Command::new(process::PROGRAM);
    command.args(["serve", "--http", "127.0.0.1:0", "--https", "", "--data-dir"]).arg(directory);
    command.envs(variables.iter().copied());
    start(command)
}

fn connect(server: &Process) -> TcpStream {
    TcpStream::connect(server.http.strip_prefix("http://").unwrap()).unwrap()
}

#[test]
fn a_body_that_stalls_is_cut_off_with_an_answer() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve_with(directory.path(), &[("KEYWARD_LIMITS__REQUEST_SECONDS", "1")]);
    let token = process::token(directory.path(), &[]);
    let mut stream = connect(&server);
    let head = format!(
        "POST /api/v2/resource-servers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 100\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout"), "{answer}");
    assert!(answer.contains("\"errorCode\":\"request_timeout\""), "{answer}");
    let (good, log) = server.stop();
    assert!(good && !log.contains("\"level\":\"ERROR\""), "{log}");
}

/// Who is refused by the head alone is answered once the body is there, and the connection goes on.
#[test]
fn a_refused_body_is_read_away() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve_with(directory.path(), &[]);
    let mut stream = connect(&server);
    for (path, status) in [("/v2/keys.getKey", "400"), ("/api/v2/resource-servers", "401"), ("/nothing", "404")] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        for _ in 0..2 {
            stream.write_all(&[b' '; 10_000]).unwrap();
        }
        let mut answer = vec![0; 64 * 1024];
        let length = stream.read(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
    assert!(server.stop().0);
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve_with(directory.path(), &[("KEYWARD_LIMITS__HEADER_SECONDS", "1")]);
    let mut silent = connect(&server);
    let mut halting = connect(&server);
    halting.write_all(b"GET /health/live HT").unwrap();
    for stream in [&mut silent, &mut halting] {
        let mut answer = Vec::new();
        // Closed by the server, with or without a word.
        let _ = stream.read_to_end(&mut answer);
    }
}

#[test]
fn it_stops_although_every_seat_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve_with(directory.path(), &[("KEYWARD_LIMITS__CONNECTIONS", "1")]);
    let mut first = connect(&server);
    first.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut some = [0; 16];
    first.read_exact(&mut some).unwrap();
    // The second one waits for the seat of the first.
    let mut second = connect(&server);
    second.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let (good, log) = server.stop();
    assert!(good && !log.contains("cut off"), "{log}");
}
