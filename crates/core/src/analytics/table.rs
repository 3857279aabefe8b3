//! The tables, their columns, and the spans of time they have rows for.

use std::borrow::Cow;

use super::{Verification, kind::Kind, value::Value};
use crate::refill::{month_of, month_start};

/// A span that times are rounded down to, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Minute,
    Hour,
    Day,
    Month,
}

const DAY: i64 = 86_400_000;

impl Unit {
    /// When the span that contains `time` begins.
    pub(super) fn start(self, time: i64) -> i64 {
        if self == Self::Month {
            return month_start(month_of(time.div_euclid(DAY))).saturating_mul(DAY);
        }
        time.div_euclid(self.longest()).saturating_mul(self.longest())
    }

    /// The length of the longest such span.
    pub(super) fn longest(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => DAY,
            Self::Month => 31 * DAY,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// A row for each verification.
    Raw,
    /// A row for all verifications of such a span that differ in nothing but `request_id`, `region`, and `latency`.
    Per(Unit),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    RequestId,
    Time,
    WorkspaceId,
    KeySpaceId,
    IdentityId,
    ExternalId,
    KeyId,
    Region,
    Outcome,
    Tags,
    SpentCredits,
    Latency,
    Count,
}

impl Table {
    pub(super) const ALL: [(&'static str, Self); 5] = [
        ("key_verifications_v1", Self::Raw),
        ("key_verifications_per_minute_v1", Self::Per(Unit::Minute)),
        ("key_verifications_per_hour_v1", Self::Per(Unit::Hour)),
        ("key_verifications_per_day_v1", Self::Per(Unit::Day)),
        ("key_verifications_per_month_v1", Self::Per(Unit::Month)),
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, table)| *table)
    }

    /// Its columns, in the order of `*`.
    pub(super) fn columns(self) -> &'static [Column] {
        match self {
            Self::Raw => &[
                Column::RequestId,
                Column::Time,
                Column::WorkspaceId,
                Column::KeySpaceId,
                Column::IdentityId,
                Column::ExternalId,
                Column::KeyId,
                Column::Region,
                Column::Outcome,
                Column::Tags,
                Column::SpentCredits,
                Column::Latency,
            ],
            Self::Per(_) => &Column::PER,
        }
    }

    pub(super) fn column(self, name: &str) -> Option<Column> {
        self.columns().iter().copied().find(|column| column.name() == name)
    }

    /// The `time` of the row that a record made at `time` belongs to.
    pub(super) fn start(self, time: i64) -> i64 {
        match self {
            Self::Raw => time,
            Self::Per(unit) => unit.start(time),
        }
    }
}

impl Column {
    /// The columns of a table with a row for each span: first those that tell rows apart, then the
    /// [sums](Self::is_sum).
    pub(super) const PER: [Self; 10] = [
        Self::Time,
        Self::WorkspaceId,
        Self::KeySpaceId,
        Self::IdentityId,
        Self::ExternalId,
        Self::KeyId,
        Self::Outcome,
        Self::Tags,
        Self::Count,
        Self::SpentCredits,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RequestId => "request_id",
            Self::Time => "time",
            Self::WorkspaceId => "workspace_id",
            Self::KeySpaceId => "key_space_id",
            Self::IdentityId => "identity_id",
            Self::ExternalId => "external_id",
            Self::KeyId => "key_id",
            Self::Region => "region",
            Self::Outcome => "outcome",
            Self::Tags => "tags",
            Self::SpentCredits => "spent_credits",
            Self::Latency => "latency",
            Self::Count => "count",
        }
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Time | Self::SpentCredits | Self::Latency | Self::Count => Kind::Number,
            Self::Tags => Kind::List,
            _ => Kind::Text,
        }
    }

    /// Whether it is a sum over the records of a span, in the tables with a row for each span.
    pub(super) fn is_sum(self) -> bool {
        matches!(self, Self::Count | Self::SpentCredits)
    }

    /// Its value in a record, which counts as one of the row whose time is `time`.
    pub(super) fn of<'a>(self, record: &'a Verification<'a>, time: i64) -> Value<'a> {
        let text = match self {
            Self::Time => return Value::Int(time),
            Self::Tags => return Value::list(record.tags),
            Self::SpentCredits => return Value::Int(record.spent_credits),
            Self::Latency => return Value::float(record.latency),
            Self::Count => return Value::Int(1),
            Self::RequestId => record.request_id,
            Self::WorkspaceId => record.workspace_id,
            Self::KeySpaceId => record.key_space_id,
            Self::IdentityId => record.identity_id,
            Self::ExternalId => record.external_id,
            Self::KeyId => record.key_id,
            Self::Region => record.region,
            Self::Outcome => record.outcome,
        };
        Value::Text(Cow::Borrowed(text))
    }
}
