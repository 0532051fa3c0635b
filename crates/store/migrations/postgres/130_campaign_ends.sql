-- judged_from: whether a campaign is paused for what became of its messages is judged by sends behind this place: those before were,
-- and a person has gone on with it.
ALTER TABLE campaign ADD COLUMN judged_from BIGINT NOT NULL DEFAULT 0;

-- Those of a campaign that have gone, or never will, from the last on. What is told of them later touches this as little as the
-- other indexes.
CREATE INDEX send_campaign_gone ON send (campaign, place) WHERE campaign IS NOT NULL AND phase = 2;
