-- When each event was recorded, and what became of its publication, for whoever asks what happened to a message.
-- before_published_at: when everything below it in its partition had been published, as far as whoever recorded it knew.
-- diverted_at, diverted_to, diverted_why: another queue got it than its team's; no team is the unrouted queue.
ALTER TABLE inbox ADD COLUMN recorded_at BIGINT;
ALTER TABLE inbox ADD COLUMN before_published_at BIGINT;
ALTER TABLE inbox ADD COLUMN diverted_at BIGINT;
ALTER TABLE inbox ADD COLUMN diverted_to TEXT;
ALTER TABLE inbox ADD COLUMN diverted_why TEXT;
-- When what published_seq marks had been published.
ALTER TABLE lease ADD COLUMN published_at BIGINT;
