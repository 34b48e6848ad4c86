-- The newest event of its order when a reply was put to it: of a number that was given out again, it says which order is meant. 0: put to none.
ALTER TABLE reply ADD COLUMN event_seq INTEGER NOT NULL DEFAULT 0;
-- Of those from before this was noted, the clocks have to say it.
UPDATE reply SET event_seq = (
    SELECT iif(o.began > 0 AND reply.at < CAST(o.body AS TEXT) ->> '$[17]', o.began - 1, o.last_event)
    FROM orders AS o WHERE o.ref = reply.order_ref
) WHERE EXISTS (SELECT 1 FROM orders AS o WHERE o.ref = reply.order_ref);

PRAGMA user_version = 24;
