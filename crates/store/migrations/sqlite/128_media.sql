-- The twin of ../postgres/128_media.sql, which has the reasons.
CREATE TABLE media_copy (
    wanted_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    size_bytes BIGINT,
    decision_id BLOB PRIMARY KEY,
    conversation_id BLOB NOT NULL,
    state TEXT NOT NULL,
    number TEXT NOT NULL,
    media_id TEXT NOT NULL,
    sha256 TEXT,
    why TEXT
);
CREATE INDEX media_copy_due ON media_copy (due_at) WHERE state = 'wanted';
CREATE INDEX media_copy_wanted ON media_copy (wanted_at);

-- The bytes, in order.
CREATE TABLE media_part (
    part BIGINT NOT NULL,
    decision_id BLOB NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (decision_id, part)
);
