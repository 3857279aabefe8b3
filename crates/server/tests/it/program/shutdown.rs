use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::support::process::{self, serve};

/// A request whose body is still on its way when the server is told to stop is finished and answered.
#[test]
fn requests_in_flight_are_finished() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path(), &[]);
    let token = process::token(directory.path(), &[]);
    let address = server.http.strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let body = r#"{"identifier":"https://late.example/"}"#;
    let head = format!(
        "POST /api/v2/resource-servers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The server asks for the body, so it is carrying the request out.
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 100 Continue"), "{}", String::from_utf8_lossy(&interim));
    server.tell_to_stop();
    // New connections are refused once it has heard.
    while TcpStream::connect(&address).is_ok() {
        std::thread::yield_now();
    }
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    let (good, log) = server.stop();
    assert!(good, "{log}");
    assert!(log.contains("finishing requests in flight") && !log.contains("ERROR"), "{log}");
}

/// A client that says nothing does not keep the server from stopping.
#[test]
fn idle_connections_do_not_hold_it_up() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path(), &[]);
    let address = server.http.strip_prefix("http://").unwrap().to_owned();
    let mut used = TcpStream::connect(&address).unwrap();
    used.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut some = [0; 16];
    used.read_exact(&mut some).unwrap();
    let (good, log) = server.stop();
    assert!(good && !log.contains("cut off"), "{log}");
}
