-- What a signing key has besides its RSA pair, and what the feed of revocations is read from. Words and marks as in 0001.

-- The private half on the curve P-256, sealed, and the certificate of the RSA key (DER). A start adds both to keys that
-- were made before.
ALTER TABLE signing_keys ADD COLUMN elliptic BYTEA;
ALTER TABLE signing_keys ADD COLUMN certificate BYTEA;
ALTER TABLE signing_keys ADD COLUMN current_since BIGINT;
ALTER TABLE signing_keys ADD COLUMN current_until BIGINT;
ALTER TABLE signing_keys ADD COLUMN revoked_at BIGINT;
-- The change that brought it to its state.
ALTER TABLE signing_keys ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
UPDATE signing_keys SET current_since = created_at WHERE state = 'current';

-- The change that deleted or restored it; 0 if none did.
ALTER TABLE permissions ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
UPDATE permissions SET revision = 1 WHERE deleted_at IS NOT NULL;
CREATE INDEX permissions_revision ON permissions (api, revision) WHERE revision > 0;
-- Deleted ones as well: their tokens name the same audience.
CREATE INDEX apis_audience ON apis (workspace, identifier);
