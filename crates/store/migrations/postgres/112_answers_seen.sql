-- When somebody was last seen to answer customers on this number, about to the hour: only where that is seen at all can a
-- conversation be known to wait for an answer.
ALTER TABLE number ADD COLUMN answers_seen_at BIGINT;
