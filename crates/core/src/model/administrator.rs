//! Administrators: people who use the console.

use super::WorkspaceNumber;
use crate::time::Timestamp;

/// The fewest characters a password may have.
pub const PASSWORD_MIN: usize = 12;
/// The most bytes a password may have: hashing takes time for each.
pub const PASSWORD_MAX: usize = 1024;
/// The most characters an e-mail address may have (RFC 5321 §4.5.3.1).
pub const EMAIL_MAX: usize = 254;

/// The number of an administrator. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdministratorNumber(pub i64);

/// What an administrator may do. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdministratorRole {
    /// Sees everything but secrets.
    Viewer,
    /// Changes what is in the catalogue, and keys.
    Editor,
    /// Also says who are administrators, makes root keys, and changes the workspace.
    Owner,
}

impl AdministratorRole {
    /// All of them, least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Owner];

    /// The word in the store and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }

    /// The role with this word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// Somebody who may use the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Administrator {
    /// The row's number.
    pub number: AdministratorNumber,
    /// The workspace it belongs to.
    pub workspace: WorkspaceNumber,
    /// The identity on the wire (`adm_…`).
    pub id: String,
    /// In lower case. The one that the first start makes has none until it says which.
    pub email: Option<String>,
    /// What it may do.
    pub role: AdministratorRole,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Administrator {
    /// What to call it.
    pub fn display_name(&self) -> &str {
        self.email.as_deref().unwrap_or("First administrator")
    }
}

/// The address in the form in which it is stored, if it looks like one: something, an at sign, something, and no space.
pub fn email(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (local, domain) = text.rsplit_once('@')?;
    let plain = text.chars().count() <= EMAIL_MAX && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    (plain && !local.is_empty() && !domain.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_stored_in_one_form() {
        assert_eq!(email(" Ada@Example.com "), Some("ada@example.com".to_owned()));
        for text in
            ["", "ada", "@example.com", "ada@", "a da@example.com", "a@b\u{0}", &format!("{}@b", "a".repeat(253))]
        {
            assert_eq!(email(text), None, "{text}");
        }
    }

    #[test]
    fn roles_are_ordered_by_what_they_may() {
        assert!(AdministratorRole::Viewer < AdministratorRole::Editor);
        assert!(AdministratorRole::Editor < AdministratorRole::Owner);
        for role in AdministratorRole::ALL {
            assert_eq!(AdministratorRole::parse(role.as_str()), Some(role));
        }
        assert_eq!(AdministratorRole::parse("root"), None);
    }
}
