//! Uses of permissions. A verification uses those that its query names and the key holds, if it succeeds; a token that
//! is issued uses those that it carries.

use std::sync::Arc;

use super::{key::KeyNumber, permission::PermissionNumber};
use crate::time::{Day, Timestamp};

/// For how many days it is known how often a permission was used, with the present one.
pub const DAYS: i64 = 30;

/// Who used a permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsedBy {
    /// A key.
    Key(KeyNumber),
    /// The application with this `client_id`.
    Client(Arc<str>),
}

/// The uses of a permission on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayUses {
    /// Which one.
    pub permission: PermissionNumber,
    /// On which day.
    pub day: Day,
    /// How many.
    pub count: i64,
    /// When the last one was.
    pub last_at: Timestamp,
    /// Whose that was.
    pub last_by: UsedBy,
}

/// Who used a permission, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// The key with this id.
    Key(String),
    /// The application with this `client_id`.
    Client(String),
}

/// What is known about the uses of a permission.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PermissionHistory {
    /// When it was last used, and by whom; also if that is longer ago than what is counted.
    pub last: Option<(Timestamp, User)>,
    /// How often it was used on those of the days asked for on which it was used at all, in their order.
    pub days: Vec<(Day, i64)>,
}
