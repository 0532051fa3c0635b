-- The twin of ../postgres/113_last_call.sql, which has the reasons.
ALTER TABLE conversation ADD COLUMN last_call_at BIGINT;
