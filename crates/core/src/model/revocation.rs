//! What was taken away from the tokens of an API that were issued before.

use super::{Revision, signing_key::KeyState};
use crate::time::Timestamp;

/// A permission that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Its id. Another permission with the same value has another one.
    pub id: String,
    /// Its value, as tokens carry it.
    pub value: String,
    /// When it was deleted, alone or with its API.
    pub at: Timestamp,
    /// The change that deleted it.
    pub revision: Revision,
}

impl Removed {
    /// From which second on a token may carry the value, because it is another permission's then.
    ///
    /// Tokens say whole seconds, so the second of the deletion itself counts as before it. The time that was written
    /// down is that of the change, which is committed and shown up to `settling` seconds later; until then a node may
    /// issue a token with the permission.
    pub fn over_at(&self, settling: i64) -> i64 {
        self.at.seconds().saturating_add(1).saturating_add(settling)
    }
}

/// A permission that is there again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Its id.
    pub id: String,
    /// The change that brought it back.
    pub revision: Revision,
}

/// What a signing key is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyNow {
    /// Its id.
    pub kid: String,
    /// Where it is in its life.
    pub state: KeyState,
    /// The change that brought it there.
    pub revision: Revision,
}

/// What was taken away, in one state of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocations {
    /// The last change that is considered: where to go on from.
    pub revision: Revision,
    /// Whether there were changes after it already, which this part has no room for.
    pub more: bool,
    /// Permissions that were deleted.
    pub removed: Vec<Removed>,
    /// Permissions that were deleted once and are there again, the same ones.
    pub restored: Vec<Restored>,
    /// Signing keys that are not what they were.
    pub keys: Vec<KeyNow>,
}

impl Revocations {
    /// The changes of all entries, each as often as it has entries.
    pub fn revisions(&self) -> Vec<Revision> {
        let removed = self.removed.iter().map(|gone| gone.revision);
        let restored = self.restored.iter().map(|back| back.revision);
        removed.chain(restored).chain(self.keys.iter().map(|key| key.revision)).collect()
    }

    /// The part of it until this change.
    pub fn up_to(mut self, until: Revision) -> Self {
        self.removed.retain(|gone| gone.revision <= until);
        self.restored.retain(|back| back.revision <= until);
        self.keys.retain(|key| key.revision <= until);
        Self { revision: until, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_the_deletion_counts_as_before_it() {
        let removed =
            |at| Removed { id: String::new(), value: String::new(), at: Timestamp(at), revision: Revision(1) };
        assert_eq!(removed(10_000).over_at(0), 11);
        assert_eq!(removed(10_999).over_at(0), 11);
        assert_eq!(removed(10_999).over_at(6), 17);
    }
}
