//! Certificates: the operator's, or one for development with an authority of its own.

use std::{fs, net::IpAddr, path::Path, sync::Arc};

use keyward_core::time::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use tokio_rustls::TlsAcceptor;

use crate::private_file;

/// How long the development authority is good for, in years.
const AUTHORITY_YEARS: i32 = 10;
/// The file in which clients find it, below the data directory.
pub const AUTHORITY: &str = "tls/ca.pem";
const AUTHORITY_KEY: &str = "tls/ca.key.pem";

/// TLS with the operator's certificate.
///
/// # Errors
/// One line that names the file and what is wrong with it.
pub fn from_files(certificate: &Path, key: &Path) -> Result<TlsAcceptor, String> {
    let explain = |path: &Path, error: &dyn std::fmt::Display| format!("`{}` can't be used: {error}", path.display());
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(certificate).map_err(|error| explain(certificate, &error))?.collect();
    let chain = chain.map_err(|error| explain(certificate, &error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| explain(key, &error))?;
    acceptor(chain, private).map_err(|error| explain(certificate, &error))
}

/// TLS with a certificate made on the spot for these names, signed by the authority in the data directory, which is
/// made if there is none. The certificate's own key never leaves memory.
///
/// # Errors
/// One line that says what failed.
pub fn development(directory: &Path, names: &[String], now: Timestamp) -> Result<TlsAcceptor, String> {
    let failed = |error: &dyn std::fmt::Display| format!("the development certificate can't be made: {error}");
    let authority = authority(directory, now).map_err(|error| failed(&error))?;
    let key = KeyPair::generate().map_err(|error| failed(&error))?;
    let mut params = CertificateParams::new(names.to_vec()).map_err(|error| failed(&error))?;
    params.distinguished_name.push(DnType::CommonName, "Keyward development certificate");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    // Some clients refuse certificates that are good for more than 398 days; a day back for clocks that are behind.
    (params.not_before, params.not_after) = (date(now, -1), date(now, 396));
    let certificate = params.signed_by(&key, &authority).map_err(|error| failed(&error))?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    acceptor(vec![certificate.der().clone()], private).map_err(|error| failed(&error))
}

/// The names that a development certificate is good for.
pub fn names(public_url: &str) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let authority = public_url.split_once("://").map_or(public_url, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let known = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) || names.iter().any(|name| name == host);
    if !host.is_empty() && !known {
        names.push(host.to_owned());
    }
    names
}

fn authority(directory: &Path, now: Timestamp) -> Result<Issuer<'static, KeyPair>, Box<dyn std::error::Error>> {
    let (certificate, key) = (directory.join(AUTHORITY), directory.join(AUTHORITY_KEY));
    fs::create_dir_all(certificate.parent().unwrap_or(directory))?;
    // The key comes first, so that a crash leaves at most a key without a certificate.
    if !key.is_file() {
        private_file::create(&key, &KeyPair::generate()?.serialize_pem(), 0o600)?;
    }
    let pair = KeyPair::from_pem(&fs::read_to_string(key)?)?;
    if !certificate.is_file() {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "Keyward development authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = (date(now, -1), date(now, 365 * AUTHORITY_YEARS));
        private_file::create(&certificate, &params.self_signed(&pair)?.pem(), 0o644)?;
    }
    Ok(Issuer::from_ca_cert_pem(&fs::read_to_string(certificate)?, pair)?)
}

fn date(now: Timestamp, days: i32) -> time::OffsetDateTime {
    let seconds = now.seconds() + i64::from(days) * 86_400;
    time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

fn acceptor(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<TlsAcceptor, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
