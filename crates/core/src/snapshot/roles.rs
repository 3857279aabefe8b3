//! Roles: by number, by id, and in the order of their names.

use std::{ops::Range, sync::Arc};

use imbl::{HashMap, Vector};

use crate::{
    model::{
        WorkspaceNumber,
        role::{Role, RoleNumber},
    },
    slots::Slots,
};

/// Roles.
#[derive(Debug, Clone, Default)]
pub(super) struct Roles {
    slots: Slots<Role>,
    by_id: HashMap<(WorkspaceNumber, String), RoleNumber>,
    /// Each workspace's: a page of them is found without those before it.
    by_name: HashMap<WorkspaceNumber, Vector<Arc<Role>>>,
}

/// What roles are ordered by: two may have one name while one is renamed and the other takes its name.
fn place(role: &Role) -> (&str, RoleNumber) {
    (&role.name, role.number)
}

impl Roles {
    pub(super) fn get(&self, number: RoleNumber) -> Option<&Arc<Role>> {
        self.slots.get(number.0)
    }

    pub(super) fn with_id(&self, workspace: WorkspaceNumber, id: &str) -> Option<&Arc<Role>> {
        self.get(*self.by_id.get(&(workspace, id.to_owned()))?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Role>> {
        self.slots.iter()
    }

    pub(super) fn count(&self, workspace: WorkspaceNumber) -> usize {
        self.by_name.get(&workspace).map_or(0, Vector::len)
    }

    pub(super) fn by_name(&self, workspace: WorkspaceNumber, range: Range<usize>) -> Vec<Arc<Role>> {
        let Some(roles) = self.by_name.get(&workspace) else { return Vec::new() };
        let range = range.start.min(roles.len())..range.end.min(roles.len());
        if range.is_empty() {
            return Vec::new();
        }
        roles.focus().narrow(range).into_iter().cloned().collect()
    }

    pub(super) fn set(&mut self, number: RoleNumber, role: Option<Arc<Role>>) {
        if let Some(old) = self.slots.set(number.0, role.clone()) {
            self.by_id.remove(&(old.workspace, old.id.clone()));
            if let Some(roles) = self.by_name.get_mut(&old.workspace)
                && let Ok(at) = roles.binary_search_by(|one| place(one).cmp(&place(&old)))
            {
                roles.remove(at);
            }
        }
        let Some(role) = role else { return };
        self.by_id.insert((role.workspace, role.id.clone()), number);
        let roles = self.by_name.entry(role.workspace).or_default();
        if let Err(at) = roles.binary_search_by(|one| place(one).cmp(&place(&role))) {
            roles.insert(at, role);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn role(number: i64, name: &str) -> Option<Arc<Role>> {
        Some(Arc::new(Role {
            number: RoleNumber(number),
            workspace: WorkspaceNumber::FIRST,
            id: format!("id{number}"),
            name: name.to_owned(),
            description: None,
            permissions: Vec::new(),
            created_at: Timestamp(0),
        }))
    }

    #[test]
    fn pages_are_in_the_order_of_names_whatever_happens() {
        let mut roles = Roles::default();
        for (number, name) in [(1, "b"), (2, "a"), (3, "c")] {
            roles.set(RoleNumber(number), role(number, name));
        }
        let names = |roles: &Roles, range| -> String {
            roles.by_name(WorkspaceNumber::FIRST, range).iter().map(|role| role.name.as_str()).collect()
        };
        assert_eq!(
            (names(&roles, 0..9), names(&roles, 1..2), names(&roles, 5..9)),
            ("abc".into(), "b".into(), "".into())
        );
        let before = roles.clone();
        // Two swap their names, and for a moment both have one.
        roles.set(RoleNumber(1), role(1, "c"));
        roles.set(RoleNumber(3), role(3, "b"));
        roles.set(RoleNumber(2), None);
        assert_eq!((names(&roles, 0..9), roles.count(WorkspaceNumber::FIRST)), ("bc".into(), 2));
        assert_eq!(roles.with_id(WorkspaceNumber::FIRST, "id3").expect("it is there").name, "b");
        assert!(roles.with_id(WorkspaceNumber::FIRST, "id2").is_none());
        assert_eq!(names(&before, 0..9), "abc", "whoever reads the old state still does");
    }
}
