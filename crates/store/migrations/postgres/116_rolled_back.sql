-- The revision that a rollback went back to, so that the next one goes further. Where that was a rollback too: where that
-- had gone. NULL for whatever is no rollback.
ALTER TABLE rule_activation ADD COLUMN rolled_back_to BIGINT;
