-- Users, what they hold, and the connections they belong to.
--
-- The texts that users are looked up and listed by compare by code point on both engines: the mark for that is left out
-- on SQLite, which knows no other way. Whoever has no email, username or name has an empty text there.

CREATE TABLE connections (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    -- How many users there are, so that no list has to count them.
    users BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);--table
CREATE UNIQUE INDEX connections_id ON connections (workspace, id);
CREATE UNIQUE INDEX connections_name ON connections (workspace, name);

-- All that the wire shows of a user is in `fields`; the columns before it repeat what is searched for.
CREATE TABLE users (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    connection BIGINT NOT NULL REFERENCES connections (number),
    id TEXT COLLATE "C" NOT NULL,
    email TEXT COLLATE "C" NOT NULL,
    username TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    fields TEXT NOT NULL,
    -- argon2id, as a PHC string.
    password TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);--table
CREATE UNIQUE INDEX users_id ON users (workspace, id);
CREATE UNIQUE INDEX users_email ON users (connection, email) WHERE email <> '';
CREATE UNIQUE INDEX users_username ON users (connection, username) WHERE username <> '';
CREATE INDEX users_by_email ON users (workspace, email, number);
CREATE INDEX users_by_username ON users (workspace, username, number);
CREATE INDEX users_by_name ON users (workspace, name, number);
CREATE INDEX users_by_created_at ON users (workspace, created_at, number);
CREATE INDEX users_by_updated_at ON users (workspace, updated_at, number);

-- What users hold. A deleted role or permission stays here, inert, so that its deletion can be undone; a deleted user
-- does not stay.
CREATE TABLE user_roles (
    user_number BIGINT NOT NULL REFERENCES users (number),
    role BIGINT NOT NULL REFERENCES roles (number),
    assigned_at BIGINT NOT NULL,
    PRIMARY KEY (user_number, role)
);--index
CREATE INDEX user_roles_role ON user_roles (role, assigned_at, user_number);
CREATE INDEX user_roles_member ON user_roles (role, user_number);

CREATE TABLE user_permissions (
    user_number BIGINT NOT NULL REFERENCES users (number),
    permission BIGINT NOT NULL REFERENCES permissions (number),
    assigned_at BIGINT NOT NULL,
    PRIMARY KEY (user_number, permission)
);--index
CREATE INDEX user_permissions_permission ON user_permissions (permission, user_number);

INSERT INTO numbers (kind, last) VALUES ('user', 0), ('connection', 0);
