-- The conversation before, resolved or not, is looked up by who it was with. `active_at` is left out: it changes with
-- every message, and an index on it would be written each time.
CREATE INDEX conversation_contact ON conversation (contact_id, number);
