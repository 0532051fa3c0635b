-- The twin of ../postgres/119_retained.sql, which has the reasons.
CREATE INDEX contact_merge_time ON contact_merge (at);
CREATE INDEX contact_sampled ON contact (created_at) WHERE language_sample <> '';
