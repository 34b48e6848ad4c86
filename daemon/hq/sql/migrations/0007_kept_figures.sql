-- Figures of whole weeks over all stores, counted in the background: the page reads these, however many messages there are.
CREATE TABLE figures (
    week text PRIMARY KEY,
    weeks bytea NOT NULL,
    ways bytea NOT NULL,
    whys bytea NOT NULL,
    made_at timestamptz NOT NULL
);
