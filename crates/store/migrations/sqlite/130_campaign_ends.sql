-- The twin of ../postgres/130_campaign_ends.sql, which has the reasons.
ALTER TABLE campaign ADD COLUMN judged_from BIGINT NOT NULL DEFAULT 0;
CREATE INDEX send_campaign_gone ON send (campaign, place) WHERE campaign IS NOT NULL AND phase = 2;
