//! New ids, in the shapes of the two wire protocols.

use keyward_core::time::{Entropy, Timestamp};

const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// 24 hexadecimal digits: four bytes of time, eight random ones (contract: identifier formats).
pub fn object_id(entropy: &dyn Entropy, now: Timestamp) -> String {
    let mut random = [0; 8];
    entropy.fill(&mut random);
    format!("{:08x}{:016x}", now.seconds() & 0xffff_ffff, u64::from_be_bytes(random))
}

/// A prefix, an underscore and 16 letters or digits.
pub fn prefixed(entropy: &dyn Entropy, prefix: &str) -> String {
    format!("{prefix}_{}", alphanumeric(entropy, 16))
}

/// That many letters and digits, each as likely as the others.
pub fn alphanumeric(entropy: &dyn Entropy, length: usize) -> String {
    let mut text = String::with_capacity(length);
    let mut random = [0; 32];
    while text.len() < length {
        entropy.fill(&mut random);
        // 248 is the largest multiple of 62 that a byte holds; above it the first letters would be likelier.
        let fair =
            random.iter().filter(|byte| **byte < 248).map(|byte| char::from(ALPHANUMERIC[usize::from(byte % 62)]));
        text.extend(fair.take(length - text.len()));
    }
    text
}

/// A prefix, an underscore and nine letters or digits that look random: none comes twice within 2⁵³ counts.
pub fn counted(prefix: &str, count: u64) -> String {
    let letters = count_letters(count);
    format!("{prefix}_{}", str::from_utf8(&letters).unwrap_or_default())
}

/// The letters and digits of [`counted`].
pub fn count_letters(count: u64) -> [u8; 9] {
    // The largest power of two below 62⁹. Multiplying by an odd number maps the numbers below it one to one.
    const NUMBERS: u64 = 1 << 53;
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut number = count.wrapping_mul(STEP) % NUMBERS;
    [(); 9].map(|()| {
        let letter = ALPHANUMERIC[usize::try_from(number % 62).unwrap_or(0)];
        number /= 62;
        letter
    })
}

/// The same bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::SystemEntropy;

    #[test]
    fn ids_have_their_shapes() {
        let id = object_id(&SystemEntropy, Timestamp(1_700_000_000_000));
        assert!(id.starts_with("6553f100") && id.len() == 24, "{id}");
        let id = prefixed(&SystemEntropy, "perm");
        assert_eq!(id.len(), "perm_".len() + 16);
        let counts: std::collections::HashSet<_> = (0..10_000).map(|n| counted("req", u64::MAX / 2 + n)).collect();
        assert_eq!(counts.len(), 10_000);
        assert!(counts.iter().all(|id| id.len() == 13 && id.starts_with("req_")));
        assert_eq!(hex(&[0, 171, 255]), "00abff");
    }
}
