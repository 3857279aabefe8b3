//! Where secrets are looked for, and in which forms.

use std::{fmt::Write, path::Path};

/// Beginnings of private keys as PKCS#8 has them, in hexadecimal digits: RSA, and elliptic curves.
const PRIVATE: [&str; 2] = ["020100300d06092a864886f70d0101010500048", "020100301306072a8648ce3d02010608"];
/// The same in base64, which such a text begins with, and the words before it.
const PRIVATE_TEXT: [&str; 3] = ["IBADANBgkqhkiG9w0BAQEFAAS", "MIGHAgEAMBMGByqGSM49AgEG", "PRIVATE KEY"];
/// How much of the text around a secret is told.
const AROUND: usize = 100;

/// Where a program keeps what it knows.
pub(super) enum Place {
    /// In its data directory.
    Files,
    /// In a database.
    Database(String),
}

impl Place {
    /// The arguments that say so.
    pub(super) fn arguments(&self) -> Vec<&str> {
        match self {
            Self::Files => vec![],
            Self::Database(url) => vec!["--database-url", url],
        }
    }

    /// All that is kept, but for the master key.
    pub(super) async fn at_rest(&self, data: &Path) -> String {
        let mut all = String::new();
        for file in std::fs::read_dir(data).unwrap().map(|file| file.unwrap().path()) {
            if file.is_file() && !file.ends_with("master.key") {
                let bytes = std::fs::read(file).unwrap();
                all.push_str(&String::from_utf8_lossy(&bytes));
                all.push_str(&hexadecimal(&bytes));
            }
        }
        if let Self::Database(url) = self {
            all.push_str(&tables(url).await);
        }
        assert!(all.contains(super::AUDIENCE), "the store was read");
        all
    }
}

/// All rows of all tables. What is binary is in hexadecimal digits.
async fn tables(url: &str) -> String {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let names = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()";
    let mut all = String::new();
    for table in client.query(names, &[]).await.unwrap() {
        let table: String = table.get(0);
        for row in client.query(&format!("SELECT row_to_json(t)::text FROM \"{table}\" t"), &[]).await.unwrap() {
            all.push_str(row.get(0));
            all.push('\n');
        }
    }
    drop(client);
    connection.await.unwrap().unwrap();
    all
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// What a text shows that it must not.
pub(super) fn found(place: &str, text: &str, secrets: &[(String, String)]) -> Vec<String> {
    let around = |form: &str| {
        let at = text.find(form)?;
        let (from, to) = (text.floor_char_boundary(at.saturating_sub(AROUND)), at + form.len() + AROUND);
        Some(text[from..text.ceil_char_boundary(to.min(text.len()))].to_owned())
    };
    let mut found = Vec::new();
    for (what, secret) in secrets {
        // As it is, as JSON has it, and as bytes that somebody printed.
        let quoted = serde_json::to_string(secret).unwrap();
        let forms = [secret.clone(), quoted.trim_matches('"').to_owned(), hexadecimal(secret.as_bytes())];
        found.extend(forms.iter().find_map(|form| around(form)).map(|part| format!("{place} shows {what}: …{part}…")));
    }
    let private = PRIVATE.iter().chain(&PRIVATE_TEXT).find_map(|form| around(form));
    found.extend(private.map(|part| format!("{place} shows a private key: …{part}…")));
    found
}

/// The search itself finds what it is for.
#[test]
fn what_is_searched_for_is_found_in_every_form() {
    let secrets = [("a secret".to_owned(), "quite \"secret\" indeed".to_owned())];
    for text in [
        "x quite \"secret\" indeed x".to_owned(),
        serde_json::json!({ "a": "quite \"secret\" indeed" }).to_string(),
        hexadecimal(b"..quite \"secret\" indeed.."),
    ] {
        assert_eq!(found("here", &text, &secrets).len(), 1, "{text}");
    }
    assert!(found("here", "quite secret indeed", &secrets).is_empty());
    let pairs = keyward_server::keyring::generate().unwrap();
    for key in [&pairs.rsa, &pairs.elliptic] {
        let bytes = [b"before".as_slice(), key.expose(), b"behind"].concat();
        assert_eq!(found("here", &hexadecimal(&bytes), &[]).len(), 1, "as bytes");
        use base64::{Engine, prelude::BASE64_STANDARD};
        assert_eq!(found("here", &BASE64_STANDARD.encode(key.expose()), &[]).len(), 1, "as text");
    }
}
