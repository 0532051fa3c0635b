-- What could not be handled, and what no team's queue takes: moved here off the last two queues of the bus, which a broker
-- need not be able to show, and kept until somebody replays or discards it. No retention deletes a row: nobody has read it.
-- id: made of what the message is, where it came from and how often it was replayed: the same message moved twice is one row,
-- and one that is parked again after a replay is another, even while the replay is still being written down.
-- place: among those that were moved at once. headers: a JSON object. tried_at: when a replay last left it here. job: the replay that has it in hand.
CREATE TABLE parked (
    parked_at BIGINT NOT NULL,
    place BIGINT NOT NULL,
    tried_at BIGINT,
    attempts BIGINT NOT NULL,
    replays BIGINT NOT NULL,
    id UUID PRIMARY KEY,
    job UUID,
    parking TEXT COLLATE "C" NOT NULL,
    message_id TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    origin TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    content_type TEXT COLLATE "C" NOT NULL,
    detail TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BYTEA NOT NULL
);
CREATE INDEX parked_time ON parked (parking, parked_at, place, id);
CREATE INDEX parked_message ON parked (message_id);
CREATE INDEX parked_job_rows ON parked (job) WHERE job IS NOT NULL;

-- Replays, each of the rows that have its id, until it has ended. left_because: a JSON object, how many rows were left for
-- each reason. claimed_by: the process that works on it, for as long as claimed_until; then any may go on.
CREATE TABLE parked_job (
    begun_at BIGINT NOT NULL,
    ended_at BIGINT,
    claimed_until BIGINT NOT NULL DEFAULT 0,
    total BIGINT NOT NULL,
    replayed BIGINT NOT NULL DEFAULT 0,
    stopped BIGINT NOT NULL DEFAULT 0,
    id UUID PRIMARY KEY,
    parking TEXT COLLATE "C" NOT NULL,
    begun_by TEXT NOT NULL,
    left_because TEXT NOT NULL DEFAULT '{}',
    claimed_by TEXT NOT NULL DEFAULT ''
);
CREATE INDEX parked_job_time ON parked_job (begun_at);
