-- With which event an order became what it is: what came before it is of an order that had the same number. 0: nothing did, or it was not noted.
ALTER TABLE orders ADD COLUMN began INTEGER NOT NULL DEFAULT 0;

PRAGMA user_version = 22;
