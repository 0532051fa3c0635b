-- The conversation before, resolved or not, is looked up by who it was with.
CREATE INDEX conversation_contact ON conversation (contact_id, number);
