-- The consent ledger. Rows are added and never changed. at: when it was said; NULL in imports that do not tell. category: NULL
-- for all that the business begins. evidence: JSON, what was shown. What it means: waypost_domain::consent.
CREATE TABLE consent_entry (
    recorded_at BIGINT NOT NULL,
    at BIGINT,
    id UUID PRIMARY KEY,
    contact_id UUID NOT NULL,
    brand TEXT COLLATE "C" NOT NULL,
    category TEXT COLLATE "C",
    said TEXT COLLATE "C" NOT NULL,
    basis TEXT COLLATE "C",
    how TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C",
    recorded_by TEXT NOT NULL,
    evidence TEXT NOT NULL
);
CREATE INDEX consent_entry_contact ON consent_entry (contact_id, recorded_at, id);

-- To which brand a number speaks: a grant to another finds nobody here. Empty where the business has only one.
ALTER TABLE number ADD COLUMN brand TEXT COLLATE "C" NOT NULL DEFAULT '';

-- What the rules for sending look things up in (waypost_policy::PolicyData), by version. text: TOML.
CREATE TABLE policy_data (
    version BIGINT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    note TEXT NOT NULL,
    text TEXT NOT NULL
);
