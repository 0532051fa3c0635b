-- The twin of ../postgres/102_suspect.sql, which has the reasons.
ALTER TABLE lease ADD COLUMN suspect TEXT;
ALTER TABLE lease ADD COLUMN suspect_deaths BIGINT NOT NULL DEFAULT 0;
