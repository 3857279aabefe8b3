//! A hash of hashes.

use std::hash::{BuildHasher, Hasher};

/// A hash of hashes: their first bytes, which are as random as the others.
#[derive(Debug, Clone, Default)]
pub struct FirstBytes;

/// What [`FirstBytes`] makes.
#[derive(Debug, Clone, Default)]
pub struct FirstBytesHasher(u64);

impl BuildHasher for FirstBytes {
    type Hasher = FirstBytesHasher;

    fn build_hasher(&self) -> FirstBytesHasher {
        FirstBytesHasher(0)
    }
}

impl Hasher for FirstBytesHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 ^= u64::from_le_bytes(*first);
        }
    }

    // The length of the array, which is always the same.
    fn write_usize(&mut self, _: usize) {}
}
