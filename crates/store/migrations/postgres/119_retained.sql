-- For the janitor: merges by their age, and contacts of whom words are kept that a language is still to be guessed from.
CREATE INDEX contact_merge_time ON contact_merge (at);
CREATE INDEX contact_sampled ON contact (created_at) WHERE language_sample <> '';
