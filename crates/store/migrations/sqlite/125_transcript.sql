-- The twin of ../postgres/125_transcript.sql, which has the reasons.
CREATE TABLE transcript (
    at BIGINT NOT NULL,
    conversation_id BLOB NOT NULL,
    decision_id BLOB NOT NULL,
    writer_id BLOB,
    kind TEXT NOT NULL,
    team TEXT,
    content BLOB NOT NULL,
    PRIMARY KEY (conversation_id, at, decision_id)
) WITHOUT ROWID;
CREATE INDEX transcript_at ON transcript (at);
CREATE INDEX transcript_writer ON transcript (writer_id) WHERE writer_id IS NOT NULL;

CREATE TABLE transcript_read (
    hour BIGINT NOT NULL,
    conversation_id BLOB NOT NULL,
    reader TEXT NOT NULL,
    PRIMARY KEY (hour, conversation_id, reader)
);

ALTER TABLE send ADD COLUMN team TEXT;
CREATE INDEX send_content ON send (created_at) WHERE length(request) > 0;

ALTER TABLE team ADD COLUMN confidential BIGINT NOT NULL DEFAULT 0;

ALTER TABLE conversation ADD COLUMN external_refs TEXT;
ALTER TABLE contact ADD COLUMN external_refs TEXT;
