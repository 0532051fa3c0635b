-- Copies of files that customers sent. state: wanted, kept, or failed. due_at: when a wanted one is fetched next. number: Meta's id of
-- ours, through which it came. wanted_at: from when its time counts. why: of one that failed, or that is tried again.
CREATE TABLE media_copy (
    wanted_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    tries BIGINT NOT NULL DEFAULT 0,
    size_bytes BIGINT,
    decision_id UUID PRIMARY KEY,
    conversation_id UUID NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    media_id TEXT COLLATE "C" NOT NULL,
    sha256 TEXT COLLATE "C",
    why TEXT
);
CREATE INDEX media_copy_due ON media_copy (due_at) WHERE state = 'wanted';
CREATE INDEX media_copy_wanted ON media_copy (wanted_at);

-- The bytes, in order.
CREATE TABLE media_part (
    part BIGINT NOT NULL,
    decision_id UUID NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (decision_id, part)
);
ALTER TABLE media_part ALTER COLUMN bytes SET STORAGE EXTERNAL;
