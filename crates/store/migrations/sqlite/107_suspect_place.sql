-- The twin of ../postgres/107_suspect_place.sql, which has the reasons.
ALTER TABLE lease ADD COLUMN suspect_place BIGINT NOT NULL DEFAULT 0;
