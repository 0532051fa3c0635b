-- The twin of ../postgres/112_answers_seen.sql, which has the reasons.
ALTER TABLE number ADD COLUMN answers_seen_at BIGINT;
