//! Public keys with which applications prove who they are (RFC 7523; contract: clients).

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The most keys that an application has, in use or not.
pub const KEPT_MAX: usize = 10;
/// The most keys that it uses at once: the old one and the new one.
pub const IN_USE_MAX: usize = 2;
/// The fewest bits of a key (RFC 7518 §3.3).
pub const BITS_MIN: usize = 2048;
/// The most bits of a key. With 8192 it would take six times as long to check a signature, which anyone may ask for.
pub const BITS_MAX: usize = 4096;

/// How an application signs. Its key says so and not the assertion (RFC 8725 §3.1), and no secret is among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssertionAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PSS with SHA-256.
    PS256,
}

impl AssertionAlgorithm {
    /// All of them, the usual one first.
    pub const ALL: [Self; 3] = [Self::RS256, Self::RS384, Self::PS256];

    /// As every wire names it (RFC 7518 §3.1).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::PS256 => "PS256",
        }
    }

    /// The one with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

/// A public key of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The row's number.
    pub number: i64,
    /// The identity on the wire.
    pub id: String,
    /// For people.
    pub name: Option<String>,
    /// What an assertion calls the key.
    pub kid: String,
    /// How the application signs with it.
    pub algorithm: AssertionAlgorithm,
    /// `SubjectPublicKeyInfo`, DER.
    pub key: Vec<u8>,
    /// The SHA-256 of the certificate that it came in, if it came in one.
    pub thumbprint: Option<String>,
    /// From when on it counts no more.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Credential {
    /// Whether it still counts.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// How a client proves who it is, if with keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticationMethods {
    /// With an assertion that it signs.
    pub private_key_jwt: KeysInUse,
}

/// The keys of one method.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysInUse {
    /// Which of the client's keys.
    pub credentials: Vec<KeyInUse>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInUse {
    /// Its id.
    pub id: String,
}

impl AuthenticationMethods {
    /// With these keys.
    pub fn with_keys<'i>(ids: impl IntoIterator<Item = &'i str>) -> Self {
        let credentials = ids.into_iter().map(|id| KeyInUse { id: id.to_owned() }).collect();
        Self { private_key_jwt: KeysInUse { credentials } }
    }

    /// Whether this key is one of them.
    pub fn uses(&self, id: &str) -> bool {
        self.private_key_jwt.credentials.iter().any(|key| key.id == id)
    }
}
