-- How firmly a conversation is its team's (loose, firm, held): NULL in those of releases that did not know. How many
-- messages its teams were sent. When a person ended it: NULL where it is not over, or ended by idleness. The one before.
ALTER TABLE conversation ADD COLUMN binding TEXT COLLATE "C";
ALTER TABLE conversation ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE conversation ADD COLUMN resolved_at BIGINT;
ALTER TABLE conversation ADD COLUMN previous_id UUID;
