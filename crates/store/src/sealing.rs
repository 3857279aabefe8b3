//! Secrets that must be readable again are stored sealed, under a key that is not in the store.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Prk, Salt},
};
use keyward_core::{secret::Secret, time::Entropy};

use crate::Error;

/// Says how a sealed value is laid out: this byte, the nonce, the ciphertext with its tag.
const LAYOUT: u8 = 1;

/// The key that seals secrets in the store. It lives in a file or in the environment, never in the store.
pub struct MasterKey {
    sealing: LessSafeKey,
    /// Where keys for other purposes come from.
    source: Prk,
}

impl MasterKey {
    /// The length of a master key, in bytes.
    pub const LENGTH: usize = 32;

    /// A key of these bytes.
    pub fn new(bytes: &[u8; Self::LENGTH]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, bytes).unwrap_or_else(|_| unreachable!("32 bytes are such a key"));
        Self { sealing: LessSafeKey::new(key), source: Salt::new(HKDF_SHA256, b"keyward").extract(bytes) }
    }

    /// A key for another purpose, which tells nothing about this one (RFC 5869).
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut key = [0; 32];
        let expanded = self.source.expand(&[purpose.as_bytes()], HKDF_SHA256).and_then(|okm| okm.fill(&mut key));
        expanded.unwrap_or_else(|_| unreachable!("32 bytes are not too many for it"));
        key
    }

    /// Seals a secret. `place` names the row and column, so that a sealed value is worth nothing anywhere else.
    ///
    /// # Errors
    /// [`Error::Engine`] when the provider refuses, which it only does for absurd lengths.
    pub fn seal(&self, entropy: &dyn Entropy, place: &str, secret: &Secret) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let mut sealed = secret.expose().to_vec();
        self.sealing
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut sealed)
            .map_err(|error| Error::Engine(Box::new(error)))?;
        Ok([&[LAYOUT], nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`MasterKey::seal`] sealed for the same place.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] when the key or the place is another one, or the value was changed.
    pub fn open(&self, table: &'static str, place: &str, sealed: &[u8]) -> Result<Secret, Error> {
        let foreign = || Error::inconsistent(table, "a secret can't be opened: is this the store's own master key?");
        let rest = sealed.strip_prefix(&[LAYOUT]).ok_or_else(foreign)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN).ok_or_else(foreign)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| foreign())?;
        let mut bytes = sealed.to_vec();
        let length = self.sealing.open_in_place(nonce, Aad::from(place), &mut bytes).map_err(|_| foreign())?.len();
        bytes.truncate(length);
        Ok(Secret::new(bytes))
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Zeros;
    impl Entropy for Zeros {
        fn fill(&self, out: &mut [u8]) {
            out.fill(0);
        }
    }

    #[test]
    fn derived_keys_depend_on_the_purpose_and_the_key() {
        let key = MasterKey::new(&[7; 32]);
        assert_eq!(key.derive("a"), key.derive("a"));
        assert_ne!(key.derive("a"), key.derive("b"));
        assert_ne!(key.derive("a"), MasterKey::new(&[8; 32]).derive("a"));
    }

    #[test]
    fn a_sealed_value_opens_only_with_its_key_at_its_place() {
        let key = MasterKey::new(&[7; 32]);
        let secret = Secret::from("sixteen letters!".to_owned());
        let sealed = key.seal(&Zeros, "apis/1", &secret).expect("seals");
        assert!(!sealed.windows(7).any(|part| part == b"sixteen"));
        assert_eq!(key.open("apis", "apis/1", &sealed).expect("opens"), secret);
        assert!(key.open("apis", "apis/2", &sealed).is_err());
        assert!(MasterKey::new(&[8; 32]).open("apis", "apis/1", &sealed).is_err());
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(key.open("apis", "apis/1", &changed).is_err(), "byte {index}");
        }
    }
}
