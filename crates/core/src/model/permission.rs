//! Permissions of an API, called scopes on the wire of the Management API.

use std::{collections::HashMap, fmt, sync::Arc};

use super::api::ApiNumber;
use crate::time::Timestamp;

/// The most characters a value may have (contract: resource servers, permissions).
pub const VALUE_MAX: usize = 280;
/// The most characters a description may have.
pub const DESCRIPTION_MAX: usize = 500;

/// Names that mean identity data in every OAuth request, so that no API may define them as permissions.
pub const RESERVED: [&str; 14] = [
    "address",
    "created_at",
    "email",
    "email_verified",
    "family_name",
    "given_name",
    "identities",
    "name",
    "nickname",
    "offline_access",
    "openid",
    "phone",
    "picture",
    "profile",
];

/// The number of a permission. Never used twice, so whoever holds a deleted one holds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PermissionNumber(pub i64);

/// What may be done on an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The row's number: the permission's identity, which a rename does not change.
    pub number: PermissionNumber,
    /// The same identity on the wire (`perm_…`).
    pub id: String,
    /// The API it belongs to.
    pub api: ApiNumber,
    /// What tokens and checks carry.
    pub value: PermissionValue,
    /// For people; without one, the value is the name.
    pub name: Option<String>,
    /// For people; absent and empty are different.
    pub description: Option<String>,
    /// Its place in the API's list; places have gaps.
    pub position: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A value that an API may define: 1 to 280 characters, no white space, no control character, not reserved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PermissionValue(String);

/// Why a text can't be a permission's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PermissionValueError {
    /// Too few characters: none.
    Empty,
    /// That many characters are too many.
    TooLong(usize),
    /// White space separates scopes in a token; a control character has no business in one.
    Space,
    /// One of the reserved names.
    Reserved,
}

impl PermissionValue {
    /// The value, if it may be one.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, PermissionValueError> {
        let length = text.chars().count();
        if length == 0 {
            return Err(PermissionValueError::Empty);
        }
        if length > VALUE_MAX {
            return Err(PermissionValueError::TooLong(length));
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(PermissionValueError::Space);
        }
        if RESERVED.contains(&text) {
            return Err(PermissionValueError::Reserved);
        }
        Ok(Self::stored(text.to_owned()))
    }

    /// A value read back from the store, which held to the rules of the day it was written.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PermissionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One entry of a list of permissions that somebody wants an API to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The value.
    pub value: PermissionValue,
    /// The description, if one was given.
    pub description: Option<String>,
}

/// What must happen to turn the list there is into the list that is wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// To be created, with their places.
    pub added: Vec<(Wanted, i64)>,
    /// Stays the same permission, with another description or place.
    pub changed: Vec<Permission>,
    /// To be deleted.
    pub gone: Vec<Arc<Permission>>,
}

impl Difference {
    /// Whether nothing has to happen.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.gone.is_empty()
    }
}

/// How far apart two neighbours' places are at first, so that others fit between them.
pub const SPACING: i64 = 1 << 16;

/// The place after the last one of a list.
pub fn place_at_end(stored: &[Arc<Permission>]) -> i64 {
    stored.last().map_or(0, |last| last.position) + SPACING
}

/// Compares by value: a value in both lists keeps its identity. `stored` is in the order of its places, and no value
/// stands twice in `wanted`.
///
/// As few places as possible change, so that one edit of a long list touches one row, wherever it is made.
pub fn compare(stored: &[Arc<Permission>], wanted: Vec<Wanted>) -> Difference {
    let mut unclaimed: HashMap<&str, &Arc<Permission>> =
        stored.iter().map(|permission| (permission.value.as_str(), permission)).collect();
    let kept: Vec<Option<&Arc<Permission>>> =
        wanted.iter().map(|entry| unclaimed.remove(entry.value.as_str())).collect();
    let places = places(&kept.iter().map(|kept| kept.map(|permission| permission.position)).collect::<Vec<_>>());
    let mut difference = Difference::default();
    for ((entry, kept), position) in wanted.into_iter().zip(kept).zip(places) {
        match kept {
            None => difference.added.push((entry, position)),
            Some(kept) if kept.position == position && kept.description == entry.description => {}
            Some(kept) => {
                let changed = Permission { position, description: entry.description, ..Permission::clone(kept) };
                difference.changed.push(changed);
            }
        }
    }
    difference.gone = stored.iter().filter(|p| unclaimed.contains_key(p.value.as_str())).cloned().collect();
    difference
}

/// Growing places for a list whose entries had these, or none: those of a longest growing run stay.
fn places(had: &[Option<i64>]) -> Vec<i64> {
    let stays = longest_growing(had);
    let mut places = Vec::with_capacity(had.len());
    let mut left = 0;
    while places.len() < had.len() {
        let begin = places.len();
        let end = (begin..had.len()).find(|at| stays[*at]).unwrap_or(had.len());
        let count = i64::try_from(end - begin).unwrap_or(i64::MAX);
        let right = had.get(end).copied().flatten();
        let step = right.map_or(SPACING, |right| (right - left) / (count + 1));
        if step == 0 {
            // No room is left between two neighbours: everything moves apart again.
            return (1..).take(had.len()).map(|number| number * SPACING).collect();
        }
        places.extend((1..=count).map(|number| left + number * step));
        if let Some(right) = right {
            places.push(right);
            left = right;
        }
    }
    places
}

/// Which entries belong to a longest growing run of those that have a place.
fn longest_growing(had: &[Option<i64>]) -> Vec<bool> {
    // The index of the smallest end of a growing run of each length, and each entry's predecessor in its run.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; had.len()];
    for (at, place) in had.iter().enumerate() {
        let Some(place) = place else { continue };
        let length = ends.partition_point(|end| had[*end].is_some_and(|smaller| smaller < *place));
        before[at] = length.checked_sub(1).map(|shorter| ends[shorter]);
        if length == ends.len() {
            ends.push(at);
        } else {
            ends[length] = at;
        }
    }
    let mut stays = vec![false; had.len()];
    let mut next = ends.last().copied();
    while let Some(at) = next {
        stays[at] = true;
        next = before[at];
    }
    stays
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn permission(number: i64, value: &str, position: i64) -> Arc<Permission> {
        Arc::new(Permission {
            number: PermissionNumber(number),
            id: format!("perm_{number}"),
            api: ApiNumber(1),
            value: PermissionValue::parse(value).expect("a test's value is valid"),
            name: None,
            description: None,
            position,
            created_at: Timestamp(0),
        })
    }

    fn wanted(value: &str) -> Wanted {
        Wanted { value: PermissionValue::parse(value).expect("a test's value is valid"), description: None }
    }

    /// Carries a difference out, as the store does.
    fn carry_out(stored: &[Arc<Permission>], difference: Difference) -> Vec<Arc<Permission>> {
        let mut next: Vec<Arc<Permission>> = stored.to_vec();
        next.retain(|p| !difference.gone.iter().any(|gone| gone.number == p.number));
        for changed in difference.changed {
            next.retain(|p| p.number != changed.number);
            next.push(Arc::new(changed));
        }
        let mut number = 1000;
        for (entry, position) in difference.added {
            number += 1;
            next.push(permission(number, entry.value.as_str(), position));
        }
        next.sort_by_key(|p| p.position);
        next
    }

    #[test]
    fn values_are_bounded_and_the_reserved_ones_refused() {
        assert_eq!(PermissionValue::parse(""), Err(PermissionValueError::Empty));
        assert_eq!(PermissionValue::parse(&"x".repeat(281)), Err(PermissionValueError::TooLong(281)));
        assert_eq!(PermissionValue::parse("read posts"), Err(PermissionValueError::Space));
        assert_eq!(PermissionValue::parse("read\u{a0}posts"), Err(PermissionValueError::Space));
        assert_eq!(PermissionValue::parse("openid"), Err(PermissionValueError::Reserved));
        assert!(PermissionValue::parse("OpenID").is_ok(), "reserved names match exactly");
        assert!(PermissionValue::parse(&"ü".repeat(280)).is_ok(), "characters count, not bytes");
    }

    #[test]
    fn one_edit_of_a_long_list_touches_one_row() {
        let stored: Vec<_> = (1..=1000).map(|n| permission(n, &format!("p{n}"), n)).collect();
        let mut list: Vec<_> = stored.iter().map(|p| wanted(p.value.as_str())).collect();
        list[500].description = Some("new".to_owned());
        let difference = compare(&stored, list);
        assert_eq!((difference.added.len(), difference.changed.len(), difference.gone.len()), (0, 1, 0));
        assert_eq!(difference.changed[0].number, PermissionNumber(501));
    }

    #[test]
    fn a_move_or_an_insertion_touches_one_row() {
        let stored: Vec<_> = (1..=1000).map(|n| permission(n, &format!("p{n}"), n * SPACING)).collect();
        let list: Vec<_> = stored.iter().map(|p| wanted(p.value.as_str())).collect();
        let mut moved = list.clone();
        moved.rotate_right(1);
        let difference = compare(&stored, moved);
        assert_eq!(difference.changed.iter().map(|p| p.number.0).collect::<Vec<_>>(), [1000]);
        let mut inserted = list.clone();
        inserted.insert(0, wanted("first"));
        let difference = compare(&stored, inserted);
        assert_eq!((difference.added.len(), difference.changed.len()), (1, 0));
        // Without room between two neighbours all move apart.
        let narrow: Vec<_> = (1..=3).map(|n| permission(n, &format!("p{n}"), n)).collect();
        let difference = compare(&narrow, vec![wanted("p1"), wanted("x"), wanted("p2"), wanted("p3")]);
        assert_eq!((difference.added.len(), difference.changed.len()), (1, 3));
    }

    #[test]
    fn the_same_list_again_changes_nothing() {
        let stored = [permission(1, "a", 3), permission(2, "b", 9)];
        assert!(compare(&stored, vec![wanted("a"), wanted("b")]).is_empty());
    }

    proptest! {
        #[test]
        fn the_outcome_is_the_wanted_list_and_kept_values_keep_their_identity(
            before in proptest::sample::subsequence((0..12).collect::<Vec<i64>>(), 0..12).prop_shuffle(),
            after in proptest::sample::subsequence((0..12).collect::<Vec<i64>>(), 0..12).prop_shuffle(),
        ) {
            let stored: Vec<_> = before.iter().enumerate()
                .map(|(place, n)| permission(*n + 1, &format!("p{n}"), i64::try_from(place).unwrap() * 3 + 1)).collect();
            let list: Vec<_> = after.iter().map(|n| wanted(&format!("p{n}"))).collect();
            let next = carry_out(&stored, compare(&stored, list.clone()));
            let values: Vec<_> = next.iter().map(|p| p.value.clone()).collect();
            prop_assert_eq!(values, list.into_iter().map(|w| w.value).collect::<Vec<_>>());
            for old in &stored {
                if let Some(new) = next.iter().find(|p| p.value == old.value) {
                    prop_assert_eq!(new.number, old.number);
                }
            }
        }
    }
}
