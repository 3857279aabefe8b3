//! Passwords, hashed: a few at once and on threads of their own, because each takes memory and a processor for a while.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use keyward_core::{Problem, secret::Secret, time::Entropy};
use tokio::sync::Semaphore;

/// What a hash costs: KiB of memory, rounds, lanes. What OWASP asks for at least.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// The lengths of a salt and of a hash, in bytes.
const LENGTHS: (usize, usize) = (16, 32);
/// The most hashes at once: more would only take each other's processors and memory.
const AT_ONCE: usize = 4;

/// Hashes passwords.
#[derive(Debug)]
pub struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl Passwords {
    /// Nothing is being hashed yet.
    pub fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(processors.min(AT_ONCE))))
    }

    /// The password as it is stored: argon2id with a new salt, as a PHC string.
    ///
    /// # Errors
    /// [`Problem::Internal`] when there is no memory for it.
    pub async fn hash(&self, entropy: &dyn Entropy, password: Secret) -> Result<String, Problem> {
        let mut salt = [0; LENGTHS.0];
        entropy.fill(&mut salt);
        // The thread keeps its turn until it is done, also when nobody waits for it any more.
        let turn = Arc::clone(&self.0).acquire_owned().await.map_err(Problem::internal)?;
        let hashing = tokio::task::spawn_blocking(move || {
            let hash = hash(&password, &salt);
            drop(turn);
            hash
        });
        hashing.await.map_err(Problem::internal)?
    }
}

fn hash(password: &Secret, salt: &[u8]) -> Result<String, Problem> {
    let (memory, rounds, lanes) = COST;
    let failed = |error: argon2::Error| Problem::internal(error.to_string());
    let params = Params::new(memory, rounds, lanes, Some(LENGTHS.1)).map_err(failed)?;
    let mut hash = [0; LENGTHS.1];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(password.expose(), salt, &mut hash).map_err(failed)?;
    let (salt, hash) = (BASE64_STANDARD_NO_PAD.encode(salt), BASE64_STANDARD_NO_PAD.encode(hash));
    Ok(format!("$argon2id$v=19$m={memory},t={rounds},p={lanes}${salt}${hash}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_string_has_its_parameters_and_depends_on_password_and_salt() {
        let of = |password: &str, salt: u8| hash(&Secret::from(password.to_owned()), &[salt; 16]).expect("a hash");
        let one = of("correct horse", 1);
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$AQEBAQEBAQEBAQEBAQEBAQ$"), "{one}");
        assert_eq!(one.rsplit('$').next().map(str::len), Some(43));
        assert_eq!(one, of("correct horse", 1));
        assert_ne!(one, of("correct horsf", 1));
        assert_ne!(one.rsplit('$').next(), of("correct horse", 2).rsplit('$').next());
    }
}
