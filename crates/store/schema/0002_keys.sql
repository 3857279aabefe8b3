-- API keys and what they hold, roles, root keys, identities, limits, usage.
--
-- On SQLite the mark at the end of an index-like table becomes STRICT, WITHOUT ROWID: its primary key is the table.

-- For people; without one, the value is the name.
ALTER TABLE permissions ADD COLUMN name TEXT;
-- The value without distinctions of case: a slug names a permission however it is spelt.
ALTER TABLE permissions ADD COLUMN folded TEXT NOT NULL DEFAULT '';
UPDATE permissions SET folded = lower(value);
CREATE INDEX permissions_folded ON permissions (workspace, folded);

-- How the keys of an API are made and from where they may be used; nothing until somebody sets it.
ALTER TABLE apis ADD COLUMN key_settings TEXT;

CREATE TABLE roles (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    -- Without a prefix: each protocol puts its own before it.
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    description TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);--table
CREATE UNIQUE INDEX roles_id ON roles (workspace, id);
CREATE UNIQUE INDEX roles_folded ON roles (workspace, folded) WHERE deleted_at IS NULL;

-- What is deleted on either side stays here, inert.
CREATE TABLE role_permissions (
    role BIGINT NOT NULL REFERENCES roles (number),
    permission BIGINT NOT NULL REFERENCES permissions (number),
    PRIMARY KEY (role, permission)
);--index
CREATE INDEX role_permissions_permission ON role_permissions (permission, role);

CREATE TABLE root_keys (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    hash BYTEA NOT NULL,
    start TEXT NOT NULL,
    permissions TEXT NOT NULL,
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT
);--table
CREATE UNIQUE INDEX root_keys_id ON root_keys (workspace, id);
CREATE UNIQUE INDEX root_keys_hash ON root_keys (hash);

CREATE TABLE identities (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    id TEXT NOT NULL,
    external_id TEXT NOT NULL,
    meta TEXT,
    limits TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);--table
CREATE UNIQUE INDEX identities_id ON identities (workspace, id);
CREATE UNIQUE INDEX identities_external_id ON identities (workspace, external_id) WHERE deleted_at IS NULL;

-- One row holds all that a verification needs, so that a miss of the cache is one read. Numbers of permissions and
-- roles stand in it in ascending order, separated by commas; those of deleted ones stay, inert.
CREATE TABLE keys (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    api BIGINT NOT NULL REFERENCES apis (number),
    id TEXT NOT NULL,
    hash BYTEA NOT NULL,
    start TEXT NOT NULL,
    name TEXT,
    meta TEXT,
    identity BIGINT REFERENCES identities (number),
    enabled BOOLEAN NOT NULL,
    expires_at BIGINT,
    permissions TEXT NOT NULL,
    roles TEXT NOT NULL,
    limits TEXT,
    -- Whether its uses are counted in `credits`.
    counted BOOLEAN NOT NULL,
    -- How the key's text is made again when it is rerolled.
    prefix TEXT,
    bytes BIGINT NOT NULL,
    -- The key itself, sealed, if it may be shown again.
    sealed BYTEA,
    -- The migration whose first use of the key still has to tell its text.
    migration BIGINT,
    last_used_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT,
    deleted_at BIGINT,
    -- Deleted for good: only what a follower needs to forget it is left.
    erased_at BIGINT
);--table
CREATE UNIQUE INDEX keys_id ON keys (workspace, id);
CREATE UNIQUE INDEX keys_hash ON keys (hash) WHERE erased_at IS NULL;
CREATE INDEX keys_api ON keys (api, id);
CREATE INDEX keys_identity ON keys (identity, id);

-- Which keys hold a permission or a role; keys that are deleted hold none.
CREATE TABLE key_permissions (
    permission BIGINT NOT NULL,
    key BIGINT NOT NULL,
    PRIMARY KEY (permission, key)
);--index
CREATE TABLE key_roles (
    role BIGINT NOT NULL,
    key BIGINT NOT NULL,
    PRIMARY KEY (role, key)
);--index
-- How many, so that a deletion need not count a million rows to say whom it concerns.
CREATE TABLE holders (
    kind TEXT NOT NULL,
    number BIGINT NOT NULL,
    keys BIGINT NOT NULL,
    PRIMARY KEY (kind, number)
);--index

CREATE TABLE credits (
    key BIGINT PRIMARY KEY REFERENCES keys (number),
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    remaining BIGINT NOT NULL,
    refill TEXT,
    refilled_at BIGINT NOT NULL,
    -- When there will be more; the largest number when there won't.
    refill_at BIGINT NOT NULL
);--table

CREATE TABLE namespaces (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT
);--table
CREATE UNIQUE INDEX namespaces_id ON namespaces (workspace, id);
CREATE UNIQUE INDEX namespaces_name ON namespaces (workspace, name);

CREATE TABLE overrides (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    namespace BIGINT NOT NULL REFERENCES namespaces (number),
    id TEXT NOT NULL,
    identifier TEXT NOT NULL,
    max_count BIGINT NOT NULL,
    duration BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);--table
CREATE UNIQUE INDEX overrides_identifier ON overrides (namespace, identifier);

CREATE TABLE key_migrations (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    created_at BIGINT NOT NULL
);--table
CREATE UNIQUE INDEX key_migrations_id ON key_migrations (workspace, id);

-- What was answered to a request that may be sent again, sealed: a new key is among it.
CREATE TABLE idempotency (
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    root_key BIGINT NOT NULL,
    key TEXT NOT NULL,
    operation TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    outcome BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (workspace, root_key, key)
);--table
CREATE INDEX idempotency_created_at ON idempotency (created_at);

-- Verifications, many to a row, in the order in which they happened.
CREATE TABLE usage (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    records BIGINT NOT NULL,
    data BYTEA NOT NULL
);--table
CREATE INDEX usage_time ON usage (workspace, last_at);

INSERT INTO numbers (kind, last) VALUES ('role', 0), ('root_key', 0), ('identity', 0), ('key', 0), ('namespace', 0),
    ('override', 0), ('key_migration', 0), ('usage', 0);
