//! A key as a verification needs it, in as few bytes as possible: numbers take as many as they need, lists of numbers say
//! how far each is from the one before.

use super::{
    super::{Revision, WorkspaceNumber, api::ApiNumber, identity::IdentityNumber, limit::NamedLimit},
    KeyNumber, KnownKey,
};
use crate::time::Timestamp;

const ENABLED: u8 = 1;
const COUNTED: u8 = 2;
const DELETED: u8 = 4;
const NAMED: u8 = 8;
const OWNED: u8 = 16;
const ENDS: u8 = 32;

impl KnownKey {
    /// Writes it down as [`Self::unpack`] reads it.
    pub fn pack(&self, out: &mut Vec<u8>) {
        let flags = [
            (self.enabled, ENABLED),
            (self.counted, COUNTED),
            (self.deleted, DELETED),
            (self.has_name, NAMED),
            (self.identity.is_some(), OWNED),
            (self.expires_at.is_some(), ENDS),
        ];
        out.push(flags.iter().filter(|(is, _)| *is).map(|(_, flag)| flag).sum());
        for number in [self.number.0, self.workspace.0, self.api.0, self.revision.0] {
            put(out, number);
        }
        self.identity.iter().for_each(|identity| put(out, identity.0));
        self.expires_at.iter().for_each(|end| put(out, end.0));
        put(out, self.ends.0.into());
        put(out, self.ends.1.into());
        put_text(out, &self.text);
        put(out, self.permissions.into());
        put_length(out, self.numbers.len());
        let mut before = 0;
        for number in &self.numbers {
            put(out, number.wrapping_sub(before));
            before = *number;
        }
        put_length(out, self.limits().len());
        for limit in self.limits() {
            put_text(out, &limit.id);
            put_text(out, &limit.name);
            put(out, limit.limit);
            put(out, limit.duration);
            out.push(limit.auto_apply.into());
        }
    }

    /// What was packed; nothing if these bytes are something else.
    pub fn unpack(mut packed: &[u8]) -> Option<Self> {
        let rest = &mut packed;
        let flags = byte(rest)?;
        let is = |flag| flags & flag != 0;
        Some(Self {
            number: KeyNumber(take(rest)?),
            workspace: WorkspaceNumber(take(rest)?),
            api: ApiNumber(take(rest)?),
            revision: Revision(take(rest)?),
            identity: if is(OWNED) { Some(IdentityNumber(take(rest)?)) } else { None },
            expires_at: if is(ENDS) { Some(Timestamp(take(rest)?)) } else { None },
            enabled: is(ENABLED),
            counted: is(COUNTED),
            deleted: is(DELETED),
            has_name: is(NAMED),
            ends: (take(rest)?.try_into().ok()?, take(rest)?.try_into().ok()?),
            text: take_text(rest)?.into(),
            permissions: take(rest)?.try_into().ok()?,
            numbers: take_numbers(rest)?,
            limits: take_limits(rest)?,
        })
    }
}

/// A number, seven bits a byte, the sign in the lowest one.
fn put(out: &mut Vec<u8>, number: i64) {
    let mut left = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while left > 127 {
        out.push((left & 127) as u8 | 128);
        left >>= 7;
    }
    out.push((left & 127) as u8);
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    put(out, i64::try_from(length).unwrap_or(i64::MAX));
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, behind) = rest.split_first()?;
    *rest = behind;
    Some(*first)
}

fn take(rest: &mut &[u8]) -> Option<i64> {
    let mut number = 0;
    for place in 0..10 {
        let next = byte(rest)?;
        number |= u64::from(next & 127) << (7 * place);
        if next < 128 {
            return Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
        }
    }
    None
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    // Whatever is counted takes a byte at least.
    usize::try_from(take(rest)?).ok().filter(|length| *length <= rest.len())
}

fn take_text<'t>(rest: &mut &'t [u8]) -> Option<&'t str> {
    let length = take_length(rest)?;
    let (text, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    std::str::from_utf8(text).ok()
}

fn take_numbers(rest: &mut &[u8]) -> Option<Box<[i64]>> {
    let count = take_length(rest)?;
    let mut before = 0_i64;
    let mut next = || {
        before = before.wrapping_add(take(rest)?);
        Some(before)
    };
    (0..count).map(|_| next()).collect()
}

fn take_limits(rest: &mut &[u8]) -> Option<Option<Box<[NamedLimit]>>> {
    let count = take_length(rest)?;
    let mut limit = || {
        Some(NamedLimit {
            id: take_text(rest)?.to_owned(),
            name: take_text(rest)?.to_owned(),
            limit: take(rest)?,
            duration: take(rest)?,
            auto_apply: byte(rest)? == 1,
        })
    };
    let limits: Box<[NamedLimit]> = (0..count).map(|_| limit()).collect::<Option<_>>()?;
    Some((!limits.is_empty()).then_some(limits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> KnownKey {
        let limit = |id: &str, auto_apply| NamedLimit {
            id: id.to_owned(),
            name: "requests".to_owned(),
            limit: 1_000_000_000,
            duration: 60_000,
            auto_apply,
        };
        KnownKey {
            number: KeyNumber(i64::MAX),
            workspace: WorkspaceNumber(1),
            api: ApiNumber(2),
            identity: Some(IdentityNumber(9999)),
            expires_at: Some(Timestamp(-1)),
            revision: Revision(i64::MIN),
            enabled: true,
            counted: false,
            deleted: true,
            has_name: true,
            ends: (3, 7),
            text: "keynäm{\"a\":1}".into(),
            numbers: [1, 2, 500, i64::MAX, 4, i64::MIN].into(),
            permissions: 4,
            limits: Some([limit("rl_1", true), limit("", false)].into()),
        }
    }

    #[test]
    fn what_was_packed_is_what_was_there() {
        let plain = KnownKey {
            identity: None,
            expires_at: None,
            enabled: false,
            counted: true,
            deleted: false,
            has_name: false,
            text: "".into(),
            numbers: [].into(),
            limits: None,
            ..full()
        };
        for key in [full(), plain] {
            let mut packed = Vec::new();
            key.pack(&mut packed);
            assert_eq!(KnownKey::unpack(&packed), Some(key));
        }
    }

    #[test]
    fn what_is_cut_off_is_nothing() {
        let mut packed = Vec::new();
        full().pack(&mut packed);
        for end in 0..packed.len() {
            assert_eq!(KnownKey::unpack(&packed[..end]), None, "{end} bytes");
        }
        assert_eq!(KnownKey::unpack(&[255; 200]), None);
    }
}
