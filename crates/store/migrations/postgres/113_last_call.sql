-- The last missed call of the customer that somebody was asked to answer: those that follow it within a minute are the same
-- piece of work.
ALTER TABLE conversation ADD COLUMN last_call_at BIGINT;
