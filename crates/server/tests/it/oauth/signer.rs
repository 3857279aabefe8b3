//! An application that has a key of its own, and what it signs.

use std::sync::OnceLock;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{
        KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    },
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use keyward_core::secret::Secret;
use keyward_server::keyring;
use serde_json::{Value, json};

use crate::support::{PUBLIC_URL, Reply, TestApp};

/// An API that everybody here asks for.
pub(crate) const AUDIENCE: &str = "https://api.example/";
/// The kind of assertion that there is.
pub(crate) const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A key pair.
pub(crate) struct Signer {
    pkcs8: Secret,
}

impl Signer {
    /// The same for all tests of this process: making one takes a tenth of a second.
    pub(crate) fn one() -> &'static Self {
        static ONE: OnceLock<Signer> = OnceLock::new();
        ONE.get_or_init(|| Self { pkcs8: keyring::generate().unwrap().rsa })
    }

    /// Another one.
    pub(crate) fn other() -> &'static Self {
        static OTHER: OnceLock<Signer> = OnceLock::new();
        OTHER.get_or_init(|| Self { pkcs8: keyring::generate().unwrap().rsa })
    }

    fn pair(&self) -> RsaKeyPair {
        RsaKeyPair::from_pkcs8(self.pkcs8.expose()).unwrap()
    }

    /// The public half.
    pub(crate) fn pem(&self) -> String {
        let pair = self.pair();
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        armored("PUBLIC KEY", der.as_ref())
    }

    /// The private half.
    pub(crate) fn private_pem(&self) -> String {
        armored("PRIVATE KEY", self.pkcs8.expose())
    }

    /// A certificate of it that ends in this year.
    pub(crate) fn certificate(&self, year: i32) -> String {
        let pair = rcgen::KeyPair::try_from(self.pkcs8.expose()).unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["machine.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params.self_signed(&pair).unwrap().pem()
    }

    /// A signed token with exactly these parts.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// The same, of texts that need not be JSON. What no such key can do is signed with the usual algorithm.
    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(claims));
        let named = serde_json::from_str::<Value>(header).unwrap_or_default()["alg"].clone();
        let encoding: &dyn RsaEncoding = match named.as_str() {
            Some("RS384") => &RSA_PKCS1_SHA384,
            Some("RS512") => &RSA_PKCS1_SHA512,
            Some("PS256") => &RSA_PSS_SHA256,
            _ => &RSA_PKCS1_SHA256,
        };
        let pair = self.pair();
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

fn armored(kind: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

/// A public key that is too short.
pub(crate) fn short_pem() -> String {
    // No library here makes shorter ones, so the modulus of one is cut.
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let modulus = public.modulus().big_endian_without_leading_zero()[..128].to_vec();
    let integer = |bytes: &[u8]| tagged(0x02, &[&[0], bytes].concat());
    let key = tagged(0x30, &[integer(&modulus), tagged(0x02, &[1, 0, 1])].concat());
    let algorithm = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let bits = tagged(0x03, &[&[0], key.as_slice()].concat());
    armored("PUBLIC KEY", &tagged(0x30, &[algorithm.to_vec(), bits].concat()))
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    let head = if length < 128 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [head, content.to_vec()].concat()
}

/// A public key that is no RSA key.
pub(crate) fn elliptic_pem() -> String {
    rcgen::KeyPair::generate().unwrap().public_key_pem()
}

impl TestApp {
    /// An application that proves who it is with [`Signer::one`], and has a grant of an API.
    pub(crate) async fn signing_machine(&self) -> String {
        self.api(AUDIENCE, &["a"]).await;
        let keys = json!([{ "credential_type": "public_key", "pem": Signer::one().pem() }]);
        let body = json!({
            "name": "machine", "grant_types": ["client_credentials"],
            "client_authentication_methods": { "private_key_jwt": { "credentials": keys } },
        });
        let reply = self.post("clients", body).send().await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        let id = reply.body["client_id"].as_str().unwrap().to_owned();
        let body = json!({ "client_id": id, "audience": AUDIENCE, "scope": ["a"] });
        assert_eq!(self.post("client-grants", body).send().await.status, 201);
        id
    }

    /// What the client says in its assertion, each time anew.
    pub(crate) fn claims(&self, client: &str) -> Value {
        let now = self.app.clock.now().seconds();
        let jti = keyward_server::ids::alphanumeric(self.app.entropy.as_ref(), 20);
        json!({ "iss": client, "sub": client, "aud": PUBLIC_URL, "iat": now, "exp": now + 60, "jti": jti })
    }

    /// What the token endpoint answers to this assertion, and to whatever else is sent with it.
    pub(crate) async fn assert(&self, assertion: &str, more: &[(&str, &str)]) -> Reply {
        let mut body = json!({
            "grant_type": "client_credentials", "audience": AUDIENCE,
            "client_assertion_type": KIND, "client_assertion": assertion,
        });
        for (name, value) in more {
            body[*name] = (*value).into();
        }
        self.ask(body).await
    }

    /// The status for a fresh assertion that is as it should be, signed by this key.
    pub(crate) async fn try_key(&self, signer: &Signer, client: &str) -> u16 {
        let assertion = signer.sign(&json!({ "alg": "RS256" }), &self.claims(client));
        self.assert(&assertion, &[]).await.status.as_u16()
    }
}
