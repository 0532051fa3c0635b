-- The twin of ../postgres/109_bindings.sql, which has the reasons.
ALTER TABLE conversation ADD COLUMN binding TEXT;
ALTER TABLE conversation ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE conversation ADD COLUMN resolved_at BIGINT;
ALTER TABLE conversation ADD COLUMN previous_id BLOB;
