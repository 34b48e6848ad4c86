-- When a message was told, by its store's clock: what figures of how long it takes are made of.
ALTER TABLE message ADD COLUMN told_at bigint;

-- What was wrong and somebody was told of, until it is over.
CREATE TABLE told (
    key text PRIMARY KEY,
    words text NOT NULL,
    at timestamptz NOT NULL
);

-- Small facts of headquarters' own, by key.
CREATE TABLE note (
    key text PRIMARY KEY,
    value text NOT NULL
);
