-- What customers wrote, and what was answered outside of Waypost, as it is read with the conversation: masked. at: when it came in.
-- writer_id: who wrote it, where the conversation is not theirs alone: in a group. team: who was to answer it. content: see
-- waypost.internal.v1.TranscriptContent.
CREATE TABLE transcript (
    at BIGINT NOT NULL,
    conversation_id UUID NOT NULL,
    decision_id UUID NOT NULL,
    writer_id UUID,
    kind TEXT COLLATE "C" NOT NULL,
    team TEXT COLLATE "C",
    content BYTEA NOT NULL,
    PRIMARY KEY (conversation_id, at, decision_id)
);
CREATE INDEX transcript_at ON transcript (at);
CREATE INDEX transcript_writer ON transcript (writer_id) WHERE writer_id IS NOT NULL;

-- Who has read which conversation in which hour since the epoch: its record is in the audit log.
CREATE TABLE transcript_read (
    hour BIGINT NOT NULL,
    conversation_id UUID NOT NULL,
    reader TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (hour, conversation_id, reader)
);

-- team: who had the conversation when it was asked for. A request without bytes: its time, or its contact's, is over.
ALTER TABLE send ADD COLUMN team TEXT COLLATE "C";
CREATE INDEX send_content ON send (created_at) WHERE length(request) > 0;

ALTER TABLE team ADD COLUMN confidential BIGINT NOT NULL DEFAULT 0;

-- What other systems call it: JSON, ids by connector.
ALTER TABLE conversation ADD COLUMN external_refs TEXT;
ALTER TABLE contact ADD COLUMN external_refs TEXT;
