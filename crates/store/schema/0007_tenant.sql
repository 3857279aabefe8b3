-- What is set for a workspace as a whole. Words and marks as in 0001.

ALTER TABLE workspaces ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
-- The change that last touched the settings.
ALTER TABLE workspaces ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
