-- Applications, and what they may ask for of APIs. Words and marks as in 0001.

CREATE TABLE clients (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    -- Requests are compared with the SHA-256. The secret itself, sealed, is for whoever may see it again.
    secret_hash BYTEA,
    secret BYTEA,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);--table
CREATE UNIQUE INDEX clients_id ON clients (workspace, id);

CREATE TABLE client_grants (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    id TEXT NOT NULL,
    -- Nobody's in particular: every third-party application's.
    client BIGINT REFERENCES clients (number),
    api BIGINT NOT NULL REFERENCES apis (number),
    subject_type TEXT NOT NULL,
    settings TEXT NOT NULL,
    -- Whether a list of scopes was ever sent; an empty one and none are shown differently.
    scope_sent BOOLEAN NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);--table
CREATE UNIQUE INDEX client_grants_id ON client_grants (workspace, id);
CREATE UNIQUE INDEX client_grants_key ON client_grants (api, client, subject_type) WHERE deleted_at IS NULL;
CREATE INDEX client_grants_client ON client_grants (client);

CREATE TABLE client_grant_scopes (
    client_grant BIGINT NOT NULL REFERENCES client_grants (number),
    position BIGINT NOT NULL,
    value TEXT NOT NULL,
    -- What the value meant when it was sent; nothing yet if the API had no such permission.
    permission BIGINT REFERENCES permissions (number),
    PRIMARY KEY (client_grant, position)
);--index
CREATE INDEX client_grant_scopes_permission ON client_grant_scopes (permission);
-- Who waits for a permission that is being made.
CREATE INDEX client_grant_scopes_value ON client_grant_scopes (value) WHERE permission IS NULL;

INSERT INTO numbers (kind, last) VALUES ('client', 0), ('client_grant', 0);
