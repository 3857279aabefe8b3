use std::{fs, process::Command};

use crate::support::process::serve;

fn trusting(authority: &std::path::Path) -> reqwest::Client {
    let certificate = reqwest::Certificate::from_pem(&fs::read(authority).unwrap()).unwrap();
    reqwest::Client::builder().tls_certs_only([certificate]).build().unwrap()
}

#[tokio::test]
async fn the_development_certificate_is_trusted_by_its_authority_and_outlives_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let authority = directory.path().join("tls/ca.pem");
    let server = serve(directory.path(), &[]);
    let client = trusting(&authority);
    let port = server.https.rsplit(':').next().unwrap().to_owned();
    for host in ["localhost", "127.0.0.1"] {
        let reply = client.get(format!("https://{host}:{port}/.well-known/openid-configuration")).send().await.unwrap();
        let document: serde_json::Value = reply.json().await.unwrap();
        assert_eq!(document["issuer"], format!("https://localhost:{port}/"));
    }
    assert!(reqwest::get(format!("https://localhost:{port}/health/live")).await.is_err(), "trusted by nobody else");
    let first = fs::read(&authority).unwrap();
    assert!(server.stop().0);
    let server = serve(directory.path(), &[]);
    assert_eq!(fs::read(&authority).unwrap(), first);
    let reply = client.get(format!("{}/health/live", server.https)).send().await.unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.version(), http::Version::HTTP_11);
}

#[tokio::test]
async fn an_own_certificate_is_used_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = (directory.path().join("own.pem"), directory.path().join("own.key"));
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(&certificate, pair.cert.pem()).unwrap();
    fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let flags = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let server = serve(&directory.path().join("data"), &flags);
    let url = format!("{}/health/ready", server.https.replace("127.0.0.1", "localhost"));
    assert_eq!(trusting(&certificate).get(url).send().await.unwrap().status(), 200);
    assert!(!directory.path().join("data/tls").exists(), "no development certificate is made");
    let swapped = Command::new(crate::support::process::PROGRAM)
        .args(["serve", "--http", "", "--https", "127.0.0.1:0", "--data-dir"])
        .arg(directory.path().join("other"))
        .args(["--tls-cert", key.to_str().unwrap(), "--tls-key", certificate.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(!swapped.status.success());
}
