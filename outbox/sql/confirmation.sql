-- awaited: what staff have not confirmed yet.
SELECT value FROM note WHERE key = 'restored';

-- await: texts wait from here on.
INSERT OR REPLACE INTO note (key, value) VALUES ('restored', :value);

-- confirm: they go out again.
DELETE FROM note WHERE key = 'restored';

-- held_for_it: messages that are held for nothing else and whose order is not held, as one JSON array.
SELECT '[' || group_concat(r.row) || ']'
FROM (
    SELECT m.seq FROM message AS m CROSS JOIN orders AS o ON o.seq = m.order_seq AND (o.held = 0 OR m.event_seq < o.began)
    WHERE m.state = 'held' AND m.reason_code IN (:restored, :repaired) ORDER BY m.seq LIMIT :limit
) AS w CROSS JOIN message_row AS r ON r.seq = w.seq;
