-- The twin of ../postgres/115_traced.sql, which has the reasons.
ALTER TABLE inbox ADD COLUMN recorded_at BIGINT;
ALTER TABLE inbox ADD COLUMN before_published_at BIGINT;
ALTER TABLE inbox ADD COLUMN diverted_at BIGINT;
ALTER TABLE inbox ADD COLUMN diverted_to TEXT;
ALTER TABLE inbox ADD COLUMN diverted_why TEXT;
ALTER TABLE lease ADD COLUMN published_at BIGINT;
