-- The twin of ../postgres/121_consent.sql, which has the reasons.
CREATE TABLE consent_entry (
    recorded_at BIGINT NOT NULL,
    at BIGINT,
    id BLOB PRIMARY KEY,
    contact_id BLOB NOT NULL,
    brand TEXT NOT NULL,
    category TEXT,
    said TEXT NOT NULL,
    basis TEXT,
    how TEXT NOT NULL,
    source TEXT,
    recorded_by TEXT NOT NULL,
    evidence TEXT NOT NULL
);
CREATE INDEX consent_entry_contact ON consent_entry (contact_id, recorded_at, id);

ALTER TABLE number ADD COLUMN brand TEXT NOT NULL DEFAULT '';

CREATE TABLE policy_data (
    version BIGINT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    note TEXT NOT NULL,
    text TEXT NOT NULL
);
