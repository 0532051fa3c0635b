-- The twin of ../postgres/116_rolled_back.sql, which has the reasons.
ALTER TABLE rule_activation ADD COLUMN rolled_back_to INTEGER;
