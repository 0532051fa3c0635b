-- Nobody asks for entries by their writer: an erasure goes by conversations.
DROP INDEX transcript_writer;
