-- Public keys with which applications prove who they are. Words and marks as in 0001.

CREATE TABLE credentials (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    id TEXT NOT NULL,
    client BIGINT NOT NULL REFERENCES clients (number),
    name TEXT,
    kid TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    -- SubjectPublicKeyInfo, DER.
    key BYTEA NOT NULL,
    -- The SHA-256 of the certificate that the key came in, as it is shown.
    thumbprint TEXT,
    expires_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);--table
CREATE UNIQUE INDEX credentials_id ON credentials (workspace, id);
-- An assertion names its key by this.
CREATE UNIQUE INDEX credentials_kid ON credentials (client, kid);

-- Assertions that were accepted: none is accepted twice. A row goes once its assertion has expired on every clock.
CREATE TABLE used_assertions (
    -- The SHA-256 of its `jti`.
    jti BYTEA NOT NULL,
    client BIGINT NOT NULL REFERENCES clients (number),
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (jti, client)
);--table
CREATE INDEX used_assertions_expiry ON used_assertions (expires_at);

INSERT INTO numbers (kind, last) VALUES ('credential', 0);
