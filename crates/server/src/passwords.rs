//! Passwords, hashed: a few at once and on threads of their own, because each takes memory and a processor for a while.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
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

    /// Whether this is the password of which there is this hash. Without a hash it takes as long as with one.
    ///
    /// # Errors
    /// [`Problem::Internal`] when there is no memory for it, or the hash is none of ours.
    pub async fn is_of(&self, stored: Option<String>, password: Secret) -> Result<bool, Problem> {
        let turn = Arc::clone(&self.0).acquire_owned().await.map_err(Problem::internal)?;
        let comparing = tokio::task::spawn_blocking(move || {
            let is_same = match stored {
                Some(stored) => is_of(&stored, &password),
                None => hash(&password, &[0; LENGTHS.0]).map(|_| false),
            };
            drop(turn);
            is_same
        });
        comparing.await.map_err(Problem::internal)?
    }
}

/// Whether the password has this hash, which [`hash`] made with what it cost then.
fn is_of(stored: &str, password: &Secret) -> Result<bool, Problem> {
    let other = || Problem::internal("a password's hash has another form than ours");
    let parts: Vec<&str> = stored.split('$').collect();
    let ["", "argon2id", "v=19", cost, salt, known] = parts[..] else { return Err(other()) };
    let number = |part: Option<&str>, name: &str| part?.strip_prefix(name)?.parse::<u32>().ok();
    let mut cost = cost.split(',');
    let cost = (number(cost.next(), "m="), number(cost.next(), "t="), number(cost.next(), "p="));
    let (Some(memory), Some(rounds), Some(lanes)) = cost else { return Err(other()) };
    let (Ok(salt), Ok(known)) = (BASE64_STANDARD_NO_PAD.decode(salt), BASE64_STANDARD_NO_PAD.decode(known)) else {
        return Err(other());
    };
    let made = derive((memory, rounds, lanes), password, &salt, known.len())?;
    Ok(verify_slices_are_equal(&made, &known).is_ok())
}

fn hash(password: &Secret, salt: &[u8]) -> Result<String, Problem> {
    let (memory, rounds, lanes) = COST;
    let hash = derive(COST, password, salt, LENGTHS.1)?;
    let (salt, hash) = (BASE64_STANDARD_NO_PAD.encode(salt), BASE64_STANDARD_NO_PAD.encode(hash));
    Ok(format!("$argon2id$v=19$m={memory},t={rounds},p={lanes}${salt}${hash}"))
}

fn derive(
    (memory, rounds, lanes): (u32, u32, u32),
    password: &Secret,
    salt: &[u8],
    length: usize,
) -> Result<Vec<u8>, Problem> {
    let failed = |error: argon2::Error| Problem::internal(error.to_string());
    let params = Params::new(memory, rounds, lanes, Some(length)).map_err(failed)?;
    let mut hash = vec![0; length];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(password.expose(), salt, &mut hash).map_err(failed)?;
    Ok(hash)
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

    #[test]
    fn a_password_is_recognised_by_its_hash_whatever_it_cost() {
        let password = |text: &str| Secret::from(text.to_owned());
        let stored = hash(&password("correct horse"), &[3; 16]).expect("a hash");
        assert!(is_of(&stored, &password("correct horse")).expect("one of ours"));
        assert!(!is_of(&stored, &password("correct horsf")).expect("one of ours"));
        let cheaper = derive((64, 1, 1), &password("x"), &[3; 16], 16).expect("a hash");
        let stored =
            format!("$argon2id$v=19$m=64,t=1,p=1$AwMDAwMDAwMDAwMDAwMDAw${}", BASE64_STANDARD_NO_PAD.encode(cheaper));
        assert!(is_of(&stored, &password("x")).expect("one of ours"));
        for other in ["", "$2b$10$abc", "$argon2id$v=19$m=64,t=1$AwMD$AwMD", "$argon2id$v=19$m=64,t=1,p=1$?$AwMD"] {
            assert!(is_of(other, &password("x")).is_err(), "{other}");
        }
    }
}
