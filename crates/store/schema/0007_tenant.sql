-- What is set for a workspace as a whole, and what its users have let applications do. Words and marks as in 0001.

ALTER TABLE workspaces ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
-- The change that last touched the settings.
ALTER TABLE workspaces ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

CREATE TABLE consents (
    number BIGINT PRIMARY KEY,
    workspace BIGINT NOT NULL REFERENCES workspaces (number),
    id TEXT NOT NULL,
    client BIGINT NOT NULL REFERENCES clients (number),
    user_id TEXT NOT NULL,
    -- Without one, it is about the user's own data alone.
    api BIGINT REFERENCES apis (number),
    created_at BIGINT NOT NULL
);--table
CREATE UNIQUE INDEX consents_id ON consents (workspace, id);
CREATE UNIQUE INDEX consents_for_api ON consents (client, user_id, api) WHERE api IS NOT NULL;
CREATE UNIQUE INDEX consents_for_none ON consents (client, user_id) WHERE api IS NULL;
CREATE INDEX consents_user ON consents (workspace, user_id);
CREATE INDEX consents_api ON consents (api);

-- What was consented to: permissions by their numbers, so that a name used again means nothing here.
CREATE TABLE consent_permissions (
    consent BIGINT NOT NULL REFERENCES consents (number) ON DELETE CASCADE,
    permission BIGINT NOT NULL REFERENCES permissions (number),
    PRIMARY KEY (consent, permission)
);--index
CREATE INDEX consent_permissions_permission ON consent_permissions (permission);

-- And the user's own data, by the words that no API may define.
CREATE TABLE consent_identity (
    consent BIGINT NOT NULL REFERENCES consents (number) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    PRIMARY KEY (consent, scope)
);--index

INSERT INTO numbers (kind, last) VALUES ('consent', 0);
