-- Evidence that survives a process: the message that a partition's owner handles alone, and how many processes will
-- have died with it in hand unless this owner takes it back. Written after crashes only.
ALTER TABLE lease ADD COLUMN suspect TEXT COLLATE "C";
ALTER TABLE lease ADD COLUMN suspect_deaths BIGINT NOT NULL DEFAULT 0;
