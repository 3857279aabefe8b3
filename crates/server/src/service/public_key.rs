//! Public keys as applications send them: a PEM text of the key, or of a certificate of it.

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keyward_core::{
    model::credential::{BITS_MAX, BITS_MIN},
    time::Timestamp,
};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, pem::PemObject};
use x509_parser::{
    certificate::X509Certificate,
    prelude::FromDer,
    public_key::{PublicKey as Parsed, RSAPublicKey},
    x509::SubjectPublicKeyInfo,
};

/// A public key that was read.
#[derive(Debug)]
pub(super) struct PublicKey {
    /// `SubjectPublicKeyInfo`, DER.
    pub(super) der: Vec<u8>,
    /// The key's own thumbprint (RFC 7638).
    pub(super) thumbprint: String,
    /// Of the certificate, if it came in one.
    pub(super) certificate: Option<Certificate>,
}

/// What is kept of a certificate. Nobody asks who signed it: whoever may register a key vouches for it.
#[derive(Debug)]
pub(super) struct Certificate {
    /// Its SHA-256.
    pub(super) thumbprint: String,
    /// When it ends.
    pub(super) ends_at: Timestamp,
}

/// Reads a PEM text.
///
/// # Errors
/// What is wrong with it, without repeating any of it: a private key may have been sent by mistake.
pub(super) fn read(pem: &str) -> Result<PublicKey, &'static str> {
    const UNREADABLE: &str = "Object didn't pass validation for format pem: not a PEM public key or certificate";
    if pem.contains("PRIVATE KEY") {
        return Err("A private key was sent. It is not stored; consider it known to others, and send the public key");
    }
    if let Ok(sent) = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()) {
        let (rest, info) = SubjectPublicKeyInfo::from_der(&sent).map_err(|_| UNREADABLE)?;
        let der = sent.as_ref().to_vec();
        return if rest.is_empty() { checked(&info, der, None) } else { Err(UNREADABLE) };
    }
    let sent = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| UNREADABLE)?;
    let (rest, certificate) = X509Certificate::from_der(&sent).map_err(|_| UNREADABLE)?;
    if !rest.is_empty() {
        return Err(UNREADABLE);
    }
    let kept = Certificate {
        thumbprint: encoded(digest(&SHA256, &sent).as_ref()),
        ends_at: Timestamp(certificate.validity().not_after.timestamp().saturating_mul(1000)),
    };
    let info = certificate.public_key();
    checked(info, info.raw.to_vec(), Some(kept))
}

fn checked(
    info: &SubjectPublicKeyInfo<'_>,
    der: Vec<u8>,
    certificate: Option<Certificate>,
) -> Result<PublicKey, &'static str> {
    const SIZE: &str = "The key must be an RSA key of 2048 to 4096 bits";
    let Ok(Parsed::RSA(key)) = info.parsed() else { return Err(SIZE) };
    if !(BITS_MIN..=BITS_MAX).contains(&bits(&key)) {
        return Err(SIZE);
    }
    // The provider that will check signatures has the last word: it refuses exponents that are no good, for instance.
    ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der).map_err(|_| "The key can't be used for signatures")?;
    let members = format!(
        r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
        encoded(without_zeros(key.exponent)),
        encoded(without_zeros(key.modulus))
    );
    Ok(PublicKey { der, thumbprint: encoded(digest(&SHA256, members.as_bytes()).as_ref()), certificate })
}

fn bits(key: &RSAPublicKey<'_>) -> usize {
    let modulus = without_zeros(key.modulus);
    let unused = modulus.first().map_or(0, |first| first.leading_zeros());
    modulus.len() * 8 - usize::try_from(unused).unwrap_or(0)
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]
}

fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
