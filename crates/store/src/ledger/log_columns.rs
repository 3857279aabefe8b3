//! Packed entries of the audit log as they are stored: JSON in which each entry is what is other than in the one before.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, Serializer};

/// How many numbers an entry has.
pub(super) const WIDTH: usize = 19;

/// The numbers of an entry.
pub(super) type Columns = [i64; WIDTH];

/// A block as it is written: the time that its entries count from, in milliseconds, its texts, and for each entry
/// numbers and places in the list of texts.
#[derive(Serialize)]
pub(super) struct Written<'w> {
    pub(super) begin: i64,
    pub(super) texts: Vec<&'w str>,
    pub(super) entries: Differing<'w>,
}

/// A block as it is read.
#[derive(Deserialize)]
pub(super) struct Read<'r> {
    pub(super) begin: i64,
    #[serde(borrow)]
    pub(super) texts: Vec<Cow<'r, str>>,
    pub(super) entries: Vec<Vec<i64>>,
}

/// Entries, of which each is written as what is other than in the one before: nearly always the time and the request's
/// id. All of an entry would be five times as much.
pub(super) struct Differing<'e>(pub(super) &'e [Columns]);

impl Serialize for Differing<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let before = std::iter::once(None).chain(self.0.iter().map(Some));
        serializer.collect_seq(self.0.iter().zip(before).map(|(entry, before)| Stored { entry, before }))
    }
}

/// An entry as it is stored: all its columns, or pairs of a column and what stands there.
struct Stored<'e> {
    entry: &'e Columns,
    before: Option<&'e Columns>,
}

impl Serialize for Stored<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(before) = self.before else { return self.entry.serialize(serializer) };
        let differing = || (0_i64..).zip(self.entry.iter().zip(before)).filter(|(_, (now, then))| now != then);
        if differing().count() * 2 > WIDTH {
            return self.entry.serialize(serializer);
        }
        serializer.collect_seq(differing().flat_map(|(column, (now, _))| [column, *now]))
    }
}

/// The entry that was stored so, after this one; nothing, if that can't be.
pub(super) fn whole(stored: &[i64], before: Option<&Columns>) -> Option<Columns> {
    // Pairs are never as many numbers: that is odd.
    if let Ok(whole) = stored.try_into() {
        return Some(whole);
    }
    let mut entry = *before?;
    let (pairs, []) = stored.as_chunks() else { return None };
    for [column, number] in pairs {
        *entry.get_mut(usize::try_from(*column).ok()?)? = *number;
    }
    Some(entry)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_entry_is_stored_as_what_is_other_than_before() {
        let first: Columns = std::array::from_fn(|column| i64::try_from(column).expect("small"));
        let (mut second, far) = (first, [-1; WIDTH]);
        (second[0], second[8]) = (100, 200);
        let entries = [first, second, second, far];
        let stored = serde_json::to_value(Differing(&entries)).expect("JSON");
        assert_eq!(stored, json!([first, [0, 100, 8, 200], [], far]), "and never more than all of it");
        let stored: Vec<Vec<i64>> = serde_json::from_value(stored).expect("numbers");
        let mut before = None;
        for (stored, entry) in stored.iter().zip(entries) {
            before = whole(stored, before.as_ref());
            assert_eq!(before, Some(entry));
        }
    }

    #[test]
    fn what_an_older_program_stored_whole_is_read() {
        let (first, second) = ([1; WIDTH], [2; WIDTH]);
        assert_eq!(whole(&first, None), Some(first));
        assert_eq!(whole(&second, Some(&first)), Some(second));
    }

    #[test]
    fn what_is_no_entry_is_not_read() {
        let first = [1; WIDTH];
        assert_eq!(whole(&[], None), None, "as the one before, and there is none");
        for broken in [&[1][..], &[1, 2, 3], &[19, 0], &[-1, 0], &[0; WIDTH + 2]] {
            assert_eq!(whole(broken, Some(&first)), None, "{broken:?}");
        }
    }
}
