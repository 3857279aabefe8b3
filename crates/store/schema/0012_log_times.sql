-- Which entries of the audit log belong to a time is found without reading one of them.

CREATE INDEX logs_at ON logs (workspace, at, number);
CREATE INDEX log_blocks_times ON log_blocks (workspace, earliest, latest, first, last);
