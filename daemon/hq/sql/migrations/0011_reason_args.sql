-- What a message's reason names, so that it is told as a whole sentence in any language.
ALTER TABLE message ADD COLUMN reason_args jsonb NOT NULL DEFAULT '{}';
