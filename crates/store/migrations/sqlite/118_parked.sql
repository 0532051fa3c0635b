-- The twin of ../postgres/118_parked.sql, which has the reasons.
CREATE TABLE parked (
    parked_at BIGINT NOT NULL,
    place BIGINT NOT NULL,
    tried_at BIGINT,
    attempts BIGINT NOT NULL,
    replays BIGINT NOT NULL,
    id BLOB PRIMARY KEY,
    job BLOB,
    parking TEXT NOT NULL,
    message_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    origin TEXT NOT NULL,
    kind TEXT NOT NULL,
    content_type TEXT NOT NULL,
    detail TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX parked_time ON parked (parking, parked_at, place, id);
CREATE INDEX parked_message ON parked (message_id);
CREATE INDEX parked_job_rows ON parked (job) WHERE job IS NOT NULL;

CREATE TABLE parked_job (
    begun_at BIGINT NOT NULL,
    ended_at BIGINT,
    claimed_until BIGINT NOT NULL DEFAULT 0,
    total BIGINT NOT NULL,
    replayed BIGINT NOT NULL DEFAULT 0,
    stopped BIGINT NOT NULL DEFAULT 0,
    id BLOB PRIMARY KEY,
    parking TEXT NOT NULL,
    begun_by TEXT NOT NULL,
    left_because TEXT NOT NULL DEFAULT '{}',
    claimed_by TEXT NOT NULL DEFAULT ''
);
CREATE INDEX parked_job_time ON parked_job (begun_at);
