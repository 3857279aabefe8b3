//! What keys hold, written out once for all keys that hold the same: most keys of an API do.

use std::{
    hash::{BuildHasher, Hash, Hasher},
    sync::atomic::{AtomicU32, Ordering},
};

use foldhash::fast::{FixedState, RandomState};
use keyward_core::{
    model::{Revision, WorkspaceNumber, api::ApiNumber, key::KnownKey, permission::PermissionNumber},
    snapshot::Snapshot,
    verify::Held,
};
use quick_cache::{Equivalent, Weighter, sync::Cache};
use triomphe::ThinArc;

use super::written::list;

/// About how many bytes one is, to size the table of those that are remembered.
const TYPICAL: u64 = 1024;
/// About how many bytes its text has.
const TYPICAL_TEXT: usize = 512;
/// How many bytes a processor fetches at once.
const LINE: usize = 64;
/// What one costs besides what it holds, in bytes.
const OVERHEAD: usize = 64;

/// The permissions and roles of a key, as an answer shows them, and where in it each permission stands.
///
/// It is one piece of memory: the places, and then the text.
#[derive(Debug, Clone)]
pub(super) struct Holdings(ThinArc<usize, u8>);

impl Holdings {
    fn of(snapshot: &Snapshot, key: &KnownKey) -> Self {
        let held = Held::of(snapshot, key);
        let mut text = Vec::with_capacity(TYPICAL_TEXT);
        let mut places = Vec::with_capacity(held.permissions.len());
        let values = held.permissions.iter().map(|permission| permission.value.as_str());
        let mut numbers = held.permissions.iter().map(|permission| permission.number);
        list(&mut text, "permissions", values, |at, value| {
            places.extend(numbers.next().map(|number| Place::new(value, at, number)));
        });
        places.sort_unstable_by_key(|place| place.hash);
        list(&mut text, "roles", held.roles.iter().map(|role| role.name.as_str()), |_, _| {});
        let text_at = places.len() * size_of::<u128>();
        let mut bytes = Vec::with_capacity(text_at + text.len());
        places.into_iter().for_each(|place| bytes.extend_from_slice(&place.into_bytes()));
        bytes.extend_from_slice(&text);
        Self(ThinArc::from_header_and_slice(text_at, &bytes))
    }

    fn text_at(&self) -> usize {
        self.0.header.header
    }

    /// The members `permissions` and `roles`, if there are any; a comma comes first.
    pub(super) fn text(&self) -> &[u8] {
        &self.0.slice[self.text_at()..]
    }

    /// The permission with this value, if it is among them. A term of a query has nothing that JSON escapes, so it stands
    /// in the text as it is, and a quote ends it.
    pub(super) fn find(&self, term: &str) -> Option<PermissionNumber> {
        let wanted = hash(term);
        let (places, _) = self.0.slice[..self.text_at()].as_chunks();
        let first = places.partition_point(|place| Place::from_bytes(*place).hash < wanted);
        let same = places[first..].iter().map(|place| Place::from_bytes(*place));
        let mut same = same.take_while(|place| place.hash == wanted);
        let found = same.find(|place| {
            let rest = self.text().get(place.at()..).and_then(|text| text.strip_prefix(term.as_bytes()));
            rest.is_some_and(|rest| rest.starts_with(b"\""))
        });
        found.map(|place| place.number)
    }

    /// Reads something of each of its cache lines.
    pub(super) fn fetch(&self) -> u8 {
        self.0.slice.iter().step_by(LINE).fold(0, |all, byte| all ^ byte)
    }

    /// What one more holder of it costs, in bytes: its share of them, and the first one's is all.
    pub(super) fn share(&self) -> usize {
        // One is this one, one is remembered, and each other holder has it in its entry and in its place.
        let holders = (ThinArc::strong_count(&self.0) / 2).max(1);
        (self.0.slice.len() + OVERHEAD) / holders
    }
}

/// Where a permission begins in the text, and which one it is.
struct Place {
    hash: u32,
    at: u32,
    number: PermissionNumber,
}

impl Place {
    fn new(value: &str, at: usize, number: PermissionNumber) -> Self {
        Self { hash: hash(value), at: u32::try_from(at).unwrap_or(u32::MAX), number }
    }

    fn into_bytes(self) -> [u8; 16] {
        let number = u128::from(self.number.0.cast_unsigned()) << 64;
        (number | u128::from(self.hash) << 32 | u128::from(self.at)).to_le_bytes()
    }

    fn from_bytes(bytes: [u8; 16]) -> Self {
        let all = u128::from_le_bytes(bytes);
        let number = PermissionNumber(((all >> 64) as u64).cast_signed());
        Self { hash: (all >> 32) as u32, at: all as u32, number }
    }

    fn at(&self) -> usize {
        usize::try_from(self.at).unwrap_or(usize::MAX)
    }
}

/// A hash that tells most values apart; those it does not are compared.
fn hash(value: &str) -> u32 {
    (FixedState::with_seed(0).hash_one(value) >> 32) as u32
}

/// All that what a key holds depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Which {
    state: Revision,
    workspace: WorkspaceNumber,
    api: ApiNumber,
    permissions: usize,
    numbers: Box<[i64]>,
}

/// The same, of a key.
struct WhichOf<'k>(Revision, &'k KnownKey);

impl Hash for Which {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.state.0, self.api.0, &*self.numbers).hash(state);
    }
}

impl Hash for WhichOf<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0.0, self.1.api.0, self.1.numbers().1).hash(state);
    }
}

impl Equivalent<Which> for WhichOf<'_> {
    fn equivalent(&self, other: &Which) -> bool {
        let (permissions, numbers) = self.1.numbers();
        self.0 == other.state
            && self.1.workspace == other.workspace
            && self.1.api == other.api
            && permissions == other.permissions
            && *numbers == *other.numbers
    }
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Which, Holdings> for Weight {
    fn weight(&self, which: &Which, holdings: &Holdings) -> u64 {
        let bytes = size_of_val(&*which.numbers) + size_of::<Which>() + holdings.0.slice.len() + OVERHEAD;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// What keys that were read lately hold.
pub(super) struct HoldingsTable {
    known: Cache<Which, Holdings, Weight>,
    hasher: RandomState,
    /// Hashes of what was made lately and not kept, each at a place of its own or another's.
    seen: Box<[AtomicU32]>,
}

impl HoldingsTable {
    /// An empty one of at most so many bytes: what a key holds may be long.
    pub(super) fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / TYPICAL).unwrap_or(usize::MAX).max(16);
        Self {
            known: Cache::with_weighter(items, bytes, Weight),
            hasher: RandomState::default(),
            seen: std::iter::repeat_with(AtomicU32::default).take(items.next_power_of_two()).collect(),
        }
    }

    /// Whether the same was made a short while ago. What only one key holds is not kept, which would cost more than to
    /// make it.
    fn comes_back(&self, which: &WhichOf<'_>) -> bool {
        let hash = self.hasher.hash_one(which);
        let at = usize::try_from(hash & 0xFFFF_FFFF).unwrap_or(0) & (self.seen.len() - 1);
        let shown = (hash >> 32) as u32 | 1;
        self.seen[at].swap(shown, Ordering::Relaxed) == shown
    }

    /// What the key holds in this state of the catalogue.
    pub(super) fn of(&self, snapshot: &Snapshot, key: &KnownKey) -> Holdings {
        let which = WhichOf(snapshot.holdings(), key);
        if let Some(known) = self.known.get(&which) {
            return known;
        }
        let made = Holdings::of(snapshot, key);
        if !self.comes_back(&which) {
            return made;
        }
        let (permissions, numbers) = key.numbers();
        let which = Which {
            state: snapshot.holdings(),
            workspace: key.workspace,
            api: key.api,
            permissions,
            numbers: numbers.into(),
        };
        self.known.insert(which, made.clone());
        made
    }
}

#[cfg(test)]
mod tests {
    use keyward_core::{
        model::{
            api::{Api, ApiSettings, KeySettings},
            permission::{Permission, PermissionValue},
        },
        snapshot::{Changes, Row},
        time::Timestamp,
    };

    use super::*;
    use crate::key_cache::tests::key;

    fn catalogue(revision: i64, values: &[&str]) -> Changes {
        let api = Api {
            number: ApiNumber(1),
            workspace: WorkspaceNumber::FIRST,
            id: "1".to_owned(),
            identifier: "a".to_owned(),
            name: None,
            system: None,
            settings: ApiSettings::default(),
            key_settings: KeySettings::default(),
            signing_secret: None,
            revision: Revision(revision),
            created_at: Timestamp(0),
        };
        let mut rows = vec![Row::Api(api.number, Some(Box::new(api)))];
        for (number, value) in (1..).zip(values) {
            let permission = Permission {
                number: PermissionNumber(number),
                id: format!("perm_{number}"),
                api: ApiNumber(1),
                value: PermissionValue::stored((*value).to_owned()),
                name: None,
                description: None,
                position: number,
                created_at: Timestamp(0),
            };
            rows.push(Row::Permission(permission.number, Some(Box::new(permission))));
        }
        Changes { revision: Revision(revision), rows }
    }

    #[test]
    fn keys_that_hold_the_same_share_it_until_that_is_another_one() {
        let table = HoldingsTable::new(1 << 20);
        let first = Snapshot::default().apply(catalogue(1, &["read", "write"]));
        let (reader, writer) = (key(1), key(2));
        table.of(&first, &reader);
        let (one, same, other) = (table.of(&first, &reader), table.of(&first, &key(1)), table.of(&first, &writer));
        assert!(std::ptr::eq(one.text(), same.text()), "from the second on, keys have one text");
        assert_eq!(one.text(), br#","permissions":["read"]"#);
        assert_eq!(other.text(), br#","permissions":["write"]"#);
        assert_eq!([one.find("read"), one.find("rea"), one.find("write")], [Some(PermissionNumber(1)), None, None]);
        assert_eq!(other.find("write"), Some(PermissionNumber(2)));
        let next = first.apply(catalogue(2, &["look", "write"]));
        assert_eq!(table.of(&next, &reader).text(), br#","permissions":["look"]"#);
        assert_eq!(table.of(&first, &reader).text(), one.text(), "whoever still reads the old state sees that");
    }

    #[test]
    fn what_is_remembered_is_bounded_in_bytes() {
        let long = "x".repeat(10_000);
        let values: Vec<String> = (0..200).map(|n| format!("{long}{n}")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let snapshot = Snapshot::default().apply(catalogue(1, &values));
        let table = HoldingsTable::new(200_000);
        for number in 1..=200 {
            assert!(table.of(&snapshot, &key(number)).text().len() > 10_000);
            // It is kept when it comes back.
            table.of(&snapshot, &key(number));
        }
        assert!(table.known.weight() <= 200_000 && table.known.len() > 5);
    }
}
