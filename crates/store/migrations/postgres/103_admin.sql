-- What the administration keeps: more about teams, tokens, the audit log, and which requests were carried out.

ALTER TABLE team ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
ALTER TABLE team ADD COLUMN max_waiting BIGINT NOT NULL DEFAULT 0;
ALTER TABLE team ADD COLUMN max_wait_s BIGINT NOT NULL DEFAULT 0;
-- Whether the rules in force name it. Until now all teams came from there.
ALTER TABLE team ADD COLUMN in_rules BIGINT NOT NULL DEFAULT 1;
-- Whether its queues were still missing when somebody last looked.
ALTER TABLE team ADD COLUMN pending_topology BIGINT NOT NULL DEFAULT 0;
-- When the administration changed it; from then on the rules file does not.
ALTER TABLE team ADD COLUMN updated_at BIGINT;
ALTER TABLE team ADD COLUMN parent TEXT COLLATE "C";

-- hash: SHA-256 of the secret, which is 256 random bits and is stored nowhere.
CREATE TABLE token (
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    id UUID PRIMARY KEY,
    hash BYTEA NOT NULL UNIQUE,
    title TEXT NOT NULL,
    roles TEXT NOT NULL,
    teams TEXT NOT NULL
);

-- Append-only. hash: see src/audit.rs; personal values are pseudonyms, so that an erasure need not touch it.
CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    method TEXT COLLATE "C" NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    before_json TEXT NOT NULL,
    after_json TEXT NOT NULL,
    hash BYTEA NOT NULL
);
CREATE INDEX audit_resource ON audit (resource, seq);
-- The last record. Its row lock puts all audited changes in one order.
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '');

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- Requests that were carried out under an id of the caller's, for a day, so that a repetition is answered the same.
CREATE TABLE request (
    at BIGINT NOT NULL,
    id UUID PRIMARY KEY,
    fingerprint BYTEA NOT NULL,
    response BYTEA NOT NULL
);
CREATE INDEX request_at ON request (at);
