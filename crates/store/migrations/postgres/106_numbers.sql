-- revision counts how often an id was named, so that the routers see that something changed; updated_at: when the
-- administration last said something of it, from when on the configuration does not.
ALTER TABLE number ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
ALTER TABLE number ADD COLUMN updated_at BIGINT;
