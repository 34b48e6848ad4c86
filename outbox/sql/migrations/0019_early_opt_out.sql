-- Who a provider says opted out, before its own answer is on record: heeded with the receipt, when it is.
ALTER TABLE early_receipt ADD COLUMN silence TEXT CHECK (silence IS NULL OR json_valid(silence));

PRAGMA user_version = 19;
