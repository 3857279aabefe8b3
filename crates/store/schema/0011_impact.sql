-- What a deletion would take away is read in pages, each from where it begins. Words and marks as in 0001.

CREATE INDEX user_roles_member ON user_roles (role, user_number);
CREATE INDEX consent_permissions_permission ON consent_permissions (permission);
