-- What the administration keeps: the twin of ../postgres/103_admin.sql, column by column, which has the reasons.

ALTER TABLE team ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
ALTER TABLE team ADD COLUMN max_waiting BIGINT NOT NULL DEFAULT 0;
ALTER TABLE team ADD COLUMN max_wait_s BIGINT NOT NULL DEFAULT 0;
ALTER TABLE team ADD COLUMN in_rules BIGINT NOT NULL DEFAULT 1;
ALTER TABLE team ADD COLUMN pending_topology BIGINT NOT NULL DEFAULT 0;
ALTER TABLE team ADD COLUMN updated_at BIGINT;
ALTER TABLE team ADD COLUMN parent TEXT;

CREATE TABLE token (
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    id BLOB PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    title TEXT NOT NULL,
    roles TEXT NOT NULL,
    teams TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    method TEXT NOT NULL,
    resource TEXT NOT NULL,
    before_json TEXT NOT NULL,
    after_json TEXT NOT NULL,
    hash BLOB NOT NULL
);
CREATE INDEX audit_resource ON audit (resource, seq);
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash BLOB NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, x'');

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TABLE request (
    at BIGINT NOT NULL,
    id BLOB PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    response BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX request_at ON request (at);
