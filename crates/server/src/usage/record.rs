//! A verification as it is recorded, and the form in which many of them are written.

use keyward_core::{
    model::{identity::IdentityNumber, key::KeyNumber},
    time::Timestamp,
    verify::Code,
};
use smallvec::SmallVec;

/// A verification, as it is recorded: numbers, whose texts are looked up when somebody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'r> {
    /// When.
    pub at: Timestamp,
    /// How long it took, in microseconds.
    pub microseconds: u32,
    /// What became of it.
    pub code: Code,
    /// How many credits it took.
    pub spent: i64,
    /// The key.
    pub key: KeyNumber,
    /// Its owner at that time.
    pub identity: Option<IdentityNumber>,
    /// The number that the request's id was made of.
    pub request: u64,
    /// What the caller attached.
    pub tags: SmallVec<[&'r str; 2]>,
}

/// What the first byte of a record says is there, besides its code: whatever is not there is as it usually is.
mod there {
    /// Another time than that of the record before.
    pub(super) const TIME: u8 = 1 << 3;
    /// A request that is not the one after that of the record before.
    pub(super) const REQUEST: u8 = 1 << 4;
    /// Credits that were taken.
    pub(super) const SPENT: u8 = 1 << 5;
    /// An owner.
    pub(super) const IDENTITY: u8 = 1 << 6;
    /// Tags.
    pub(super) const TAGS: u8 = 1 << 7;
}

/// The bits of the first byte that have the code.
const CODE: u8 = 0b111;
const _: () = assert!(Code::ALL.len() <= CODE as usize + 1);

/// The form of a record: a byte that says what follows, and numbers of seven bits a byte, the lowest first. Time and
/// request are what they differ from the record before, so most records are half a dozen bytes.
pub(super) fn encode(record: &Record<'_>, (at, request): (i64, u64), out: &mut Vec<u8>) {
    let code = Code::ALL.iter().position(|code| *code == record.code).and_then(|at| u8::try_from(at).ok());
    let flag = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
    let first = code.unwrap_or(0)
        | flag(record.at.0 != at, there::TIME)
        | flag(record.request != request.wrapping_add(1), there::REQUEST)
        | flag(record.spent != 0, there::SPENT)
        | flag(record.identity.is_some(), there::IDENTITY)
        | flag(!record.tags.is_empty(), there::TAGS);
    out.push(first);
    put(u64::from(record.microseconds), out);
    put(zigzag(record.key.0), out);
    if let Some(identity) = record.identity {
        put(zigzag(identity.0), out);
    }
    if first & there::TIME != 0 {
        put(zigzag(record.at.0.wrapping_sub(at)), out);
    }
    if first & there::REQUEST != 0 {
        put(zigzag(record.request.wrapping_sub(request).cast_signed()), out);
    }
    if first & there::SPENT != 0 {
        put(zigzag(record.spent), out);
    }
    if first & there::TAGS != 0 {
        out.push(u8::try_from(record.tags.len()).unwrap_or(u8::MAX));
        for tag in record.tags.iter().take(usize::from(u8::MAX)) {
            put(tag.len() as u64, out);
            out.extend_from_slice(tag.as_bytes());
        }
    }
}

fn put(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Small numbers of either sign as small ones without.
const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// The records of a segment. What can't be read ends it.
pub fn decode(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let (mut rest, mut last) = (bytes, (0, 0));
    std::iter::from_fn(move || {
        let record = take_record(&mut rest, last)?;
        last = (record.at.0, record.request);
        Some(record)
    })
}

fn take_record<'r>(rest: &mut &'r [u8], (at, request): (i64, u64)) -> Option<Record<'r>> {
    let first = take_byte(rest)?;
    let is_there = |flag: u8| first & flag != 0;
    let code = *Code::ALL.get(usize::from(first & CODE))?;
    let microseconds = u32::try_from(take(rest)?).ok()?;
    let key = KeyNumber(unzigzag(take(rest)?));
    let mut number = |flag| if is_there(flag) { take(rest).map(|number| Some(unzigzag(number))) } else { Some(None) };
    let identity = number(there::IDENTITY)?.map(IdentityNumber);
    let at = Timestamp(at.wrapping_add(number(there::TIME)?.unwrap_or(0)));
    let request = request.wrapping_add(number(there::REQUEST)?.unwrap_or(1).cast_unsigned());
    let spent = number(there::SPENT)?.unwrap_or(0);
    let count = if is_there(there::TAGS) { take_byte(rest)? } else { 0 };
    let tags = (0..count).map(|_| take_text(rest)).collect::<Option<_>>()?;
    Some(Record { at, microseconds, code, spent, key, identity, request, tags })
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, others) = rest.split_first()?;
    *rest = others;
    Some(*byte)
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let (byte, others) = rest.split_first()?;
        *rest = others;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_text<'r>(rest: &mut &'r [u8]) -> Option<&'r str> {
    let length = usize::try_from(take(rest)?).ok()?;
    let (text, others) = rest.split_at_checked(length)?;
    *rest = others;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;

    #[test]
    fn records_are_read_back_as_they_were() {
        let first = Record {
            at: Timestamp(1_700_000_000_123),
            microseconds: 77,
            code: Code::RateLimited,
            spent: 5,
            key: KeyNumber(9_000_000_000),
            identity: Some(IdentityNumber(3)),
            request: u64::MAX - 1,
            tags: smallvec!["a=b", "ключ", ""],
        };
        let mut records = vec![first.clone()];
        for request in [u64::MAX, 0, 1, 500] {
            let at = Timestamp(first.at.0 - 3 + request.cast_signed().clamp(0, 500));
            records.push(Record { at, request, identity: None, tags: smallvec![], code: Code::Valid, ..first.clone() });
        }
        let (mut bytes, mut last) = (Vec::new(), (0, 0));
        for record in &records {
            encode(record, last, &mut bytes);
            last = (record.at.0, record.request);
        }
        let read: Vec<_> = decode(&bytes).map(|record| format!("{record:?}")).collect();
        assert_eq!(read, records.iter().map(|record| format!("{record:?}")).collect::<Vec<_>>());
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).count() < records.len(), "a segment that was cut off still ends");
        }
    }
}
