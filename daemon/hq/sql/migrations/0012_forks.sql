-- Forks that call for somebody: until the store, joined anew or restored, goes on in a later epoch.
CREATE VIEW open_fork AS SELECT f.* FROM fork AS f WHERE NOT EXISTS (
    SELECT 1 FROM chain AS was JOIN chain AS later ON later.store = was.store AND later.n > was.n
    WHERE was.store = f.store AND was.epoch = f.epoch AND later.head_seq > 0 AND later.seen_at > f.last_seen
);
