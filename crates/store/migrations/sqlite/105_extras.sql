-- The twin of ../postgres/105_extras.sql, which has the reasons.
ALTER TABLE inbox ADD COLUMN extras BLOB;
