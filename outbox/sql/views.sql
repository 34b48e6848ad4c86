-- events: the events of an id.
SELECT e.seq, e.source, e.id, e.type, o.ref, e.received_at, e.actor, e.raw
FROM event AS e CROSS JOIN orders AS o ON o.seq = e.order_seq
WHERE e.id = :id AND (:source IS NULL OR e.source = :source) ORDER BY e.seq;

-- events_of_order: an order's events in the order in which they came.
WITH RECURSIVE told (seq) AS (
    SELECT last_event FROM orders WHERE ref = :ref
    UNION ALL
    SELECT e.earlier FROM told AS t CROSS JOIN event AS e ON e.seq = t.seq WHERE e.earlier > 0
)
SELECT e.seq, e.source, e.id, e.type, :ref, e.received_at, e.actor, e.raw
FROM told AS t CROSS JOIN event AS e ON e.seq = t.seq ORDER BY e.seq;

-- orders: the newest change first: each order at its newest event; not what stands for one (`outbox.answers`). `lower` knows A to Z alone;
-- `casefold` is Python's, which takes a turn of the interpreter each time.
SELECT e.seq, o.body FROM event AS e CROSS JOIN orders AS o ON o.seq = e.order_seq AND o.last_event = e.seq
WHERE e.seq < :below AND (:since IS NULL OR e.received_at >= :since) AND NOT (o.ref LIKE '~%' AND o.body ->> '{order.source}' = 'tether')
    AND (
        :statuses IS NULL OR coalesce(o.body ->> '{order.status}', '') IN (SELECT value FROM json_each(:statuses))
        OR (:any_but IS NOT NULL AND coalesce(o.body ->> '{order.status}', '') NOT IN (SELECT value FROM json_each(:any_but)))
    )
    AND (
        :search IS NULL OR instr(lower(o.ref), :search) OR instr(lower(coalesce(o.body ->> '{order.customer}.name', '')), :search)
        OR (o.ref GLOB '*[^ -~]*' AND instr(casefold(o.ref), :search))
        OR (o.body ->> '{order.customer}.name' GLOB '*[^ -~]*' AND instr(casefold(o.body ->> '{order.customer}.name'), :search))
    )
ORDER BY e.seq DESC LIMIT :limit;

-- orders_by_ref: those of these refs that are known.
SELECT o.body FROM json_each(:refs) AS w CROSS JOIN orders AS o ON o.ref = w.value;

-- ref_of: the one order with that `source_id`, among the newest 5000; none where several say that it is theirs.
SELECT max(ref) FROM orders
WHERE seq > (SELECT coalesce(max(seq), 0) - 5000 FROM orders) AND body ->> '{order.source_id}' = :source_id HAVING count(*) = 1;

-- told: by order, the newest message to the customer about its status, as one JSON array. What was put aside told nobody, and that staff told it,
-- which they took back, is none, where there is another.
SELECT '[' || group_concat(r.row) || ']'
FROM json_each(:refs) AS w CROSS JOIN orders AS o ON o.ref = w.value
CROSS JOIN message_row AS r ON r.seq = (
    SELECT m.seq FROM message AS m
    WHERE m.order_seq = o.seq AND m.event_seq >= o.began AND m.recipient = 'customer' AND m.trigger = o.body ->> '{order.status}'
    ORDER BY m.state = 'superseded' OR m.via = '' AND EXISTS (
        SELECT 1 FROM message AS n WHERE n.order_seq = m.order_seq AND n.seq >= m.seq AND n.recipient = m.recipient
        AND n.trigger = m.trigger AND n.via = '' AND n.reason_code = 'undone'
    ), m.seq DESC LIMIT 1
);

-- messages: the newest first, as far as the filters let them through, as one JSON array. Addresses that are short enough could be SQLite's
-- own binary JSON if they were not said to be text.
SELECT '[' || group_concat(r.row) || ']'
FROM (
    SELECT m.seq FROM message AS m
    WHERE m.seq < :below AND (:states IS NULL OR m.state IN (SELECT value FROM json_each(:states)))
        AND (:channel IS NULL OR m.channel = :channel) AND (:since IS NULL OR m.created_at >= :since)
        AND (:recipient IS NULL OR m.recipient = :recipient
            OR EXISTS (SELECT 1 FROM json_each(CAST(m.addresses AS TEXT)) AS a WHERE a.value = :recipient))
    ORDER BY m.seq DESC LIMIT :limit
) AS d CROSS JOIN message_row AS r ON r.seq = d.seq;

-- exceptional: the same, of states that few messages are in.
SELECT '[' || group_concat(r.row) || ']'
FROM (
    SELECT m.seq FROM json_each(:states) AS s
    CROSS JOIN message AS m ON m.state = s.value
        AND m.state IN ('failed', 'expired', 'suppressed', 'cancelled', 'held', 'unknown')
    WHERE m.seq < :below
        AND (:channel IS NULL OR m.channel = :channel) AND (:since IS NULL OR m.created_at >= :since)
        AND (:recipient IS NULL OR m.recipient = :recipient
            OR EXISTS (SELECT 1 FROM json_each(CAST(m.addresses AS TEXT)) AS a WHERE a.value = :recipient))
    ORDER BY m.seq DESC LIMIT :limit
) AS d CROSS JOIN message_row AS r ON r.seq = d.seq;

-- messages_of_order_page: the same, of one order.
SELECT '[' || group_concat(r.row) || ']'
FROM (
    SELECT m.seq FROM orders AS o CROSS JOIN message AS m ON m.order_seq = o.seq
    WHERE o.ref = :ref AND m.seq < :below AND (:states IS NULL OR m.state IN (SELECT value FROM json_each(:states)))
        AND (:channel IS NULL OR m.channel = :channel) AND (:since IS NULL OR m.created_at >= :since)
        AND (:recipient IS NULL OR m.recipient = :recipient
            OR EXISTS (SELECT 1 FROM json_each(CAST(m.addresses AS TEXT)) AS a WHERE a.value = :recipient))
    ORDER BY m.seq DESC LIMIT :limit
) AS d CROSS JOIN message_row AS r ON r.seq = d.seq;

-- messages_of_order: all of one order, as one JSON array.
SELECT '[' || group_concat(r.row) || ']'
FROM (SELECT m.seq FROM orders AS o CROSS JOIN message AS m ON m.order_seq = o.seq WHERE o.ref = :ref ORDER BY m.seq) AS d
CROSS JOIN message_row AS r ON r.seq = d.seq;

-- messages_of_event: what an event led to, as one JSON array.
SELECT '[' || group_concat(r.row) || ']'
FROM (
    SELECT m.seq FROM event AS e CROSS JOIN message AS m ON m.order_seq = e.order_seq
    WHERE e.seq = :event_seq AND m.event_seq = e.seq ORDER BY m.seq
) AS d CROSS JOIN message_row AS r ON r.seq = d.seq;

-- messages_by_id: those of these ids that exist, as one JSON array.
SELECT '[' || group_concat(r.row) || ']'
FROM json_each(:ids) AS w CROSS JOIN message AS m ON m.id = w.value CROSS JOIN message_row AS r ON r.seq = m.seq;

-- attempts: all attempts of these messages, as one JSON array.
WITH RECURSIVE tried (seq) AS (
    SELECT m.last_attempt FROM json_each(:ids) AS w CROSS JOIN message AS m ON m.id = w.value WHERE m.last_attempt > 0
    UNION ALL
    SELECT a.earlier FROM tried AS t CROSS JOIN attempt AS a ON a.seq = t.seq WHERE a.earlier > 0
)
SELECT '[' || group_concat(r.row) || ']' FROM (SELECT seq FROM tried ORDER BY seq) AS d CROSS JOIN attempt_row AS r ON r.seq = d.seq;

-- count_ready: how many wait at each channel, and since when the first.
SELECT channel, count(*), min(due_at) FROM message INDEXED BY message_ready WHERE ready = 1 AND state = 'queued' GROUP BY channel;

-- count_blocked: how many wait at each channel for an earlier one of their queue.
SELECT channel, count(*) FROM message INDEXED BY message_blocked WHERE state = 'queued' AND ready = 0 GROUP BY channel;

-- count_present: how many are being sent, replies that nobody has seen, the size of the file.
SELECT
    (SELECT count(*) FROM message INDEXED BY message_ready WHERE ready = 1 AND state = 'sending'),
    (SELECT count(*) FROM reply WHERE is_read = 0),
    (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size);

-- count_exceptional: how many messages are in the states that few are in.
SELECT state, count(*) FROM message INDEXED BY message_exceptional
WHERE state IN ('failed', 'expired', 'suppressed', 'cancelled', 'held', 'unknown') GROUP BY state;

-- count_failed: how many messages made since a moment failed, and were not told again since: by staff, by hand, or as a later step of the
-- order. Own words say something else each time. What was put aside told nobody; that staff told it, which they took back, is as if they
-- had not.
SELECT count(*) FROM message AS m INDEXED BY message_exceptional
WHERE m.state = 'failed' AND m.state IN ('failed', 'expired', 'suppressed', 'cancelled', 'held', 'unknown') AND m.created_at >= :since
    AND NOT EXISTS (
        SELECT 1 FROM message AS n
        WHERE n.order_seq = m.order_seq AND n.event_seq > m.event_seq AND n.recipient = m.recipient AND n.trigger = m.trigger
            AND n.trigger <> :own_words AND n.state <> 'superseded' AND n.reason_code <> 'undone'
            AND (SELECT (m.event_seq < o.began) = (n.event_seq < o.began) FROM orders AS o WHERE o.seq = m.order_seq)
            AND (n.via = '' OR n.manual OR n.trigger LIKE 'order.%')
            AND NOT (n.via = '' AND EXISTS (
                SELECT 1 FROM message AS b WHERE b.order_seq = n.order_seq AND b.seq > n.seq AND b.recipient = n.recipient
                AND b.trigger = n.trigger AND b.via = '' AND b.reason_code = 'undone'
            ))
    );

-- count_past: what is on record of what is over: events, and messages that ended as most do. Reads all of it.
SELECT (SELECT count(*) FROM event), total(state = 'sent'), total(state = 'delivered'), total(state = 'superseded') FROM message;

-- count_attempts: how many attempts ended how on each channel. Reads all of them.
SELECT channel, outcome, count(*) FROM attempt WHERE outcome IS NOT NULL GROUP BY channel, outcome;

-- texts_since: each text message since a moment that was taken, or may have been: by what, to whom, when, what it said, and its units. As
-- `sent_since`.
SELECT channel, address, started_at, CAST(sent AS TEXT), units FROM attempt
WHERE seq > (SELECT max(seq) FROM attempt) - 10000 AND started_at BETWEEN :since AND :since + 93600000 AND units > 0
    AND channel IN (SELECT value FROM json_each(:channels))
ORDER BY seq;

-- any_older: whether one of these orders is older than a moment.
SELECT EXISTS (
    SELECT 1 FROM json_each(:orders) AS w CROSS JOIN orders AS o ON o.seq = w.value WHERE o.body ->> '{order.created_at}' < :before
);

-- sent_since: by channel, how many units of attempts since a moment were taken or may have been, and when one last was taken. Among the last
-- ten thousand, which no store makes in a day: one that was made by a wrong clock hides none, nor does what a clock that was days ahead made
-- count today (26 hours: the longest day).
SELECT channel, sum(units), max(iif(outcome = 'accepted', finished_at, NULL)) FROM attempt
WHERE seq > (SELECT max(seq) FROM attempt) - 10000 AND started_at BETWEEN :since AND :since + 93600000 AND units > 0
GROUP BY channel;
