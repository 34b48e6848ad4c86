-- begin: take the write lock at once, so that what is read stays true until the commit.
BEGIN IMMEDIATE;

-- commit: make it durable.
COMMIT;

-- rollback: as if nothing had happened.
ROLLBACK;

-- newest: where each sequence of numbers stands, and the end of the hash chain.
SELECT
    coalesce((SELECT max(seq) FROM orders), 0),
    coalesce((SELECT max(seq) FROM event), 0),
    coalesce((SELECT max(seq) FROM message), 0),
    coalesce((SELECT max(seq) FROM attempt), 0),
    coalesce((SELECT max(seq) FROM audit), 0),
    (SELECT hash FROM audit WHERE seq = (SELECT max(seq) FROM audit)),
    (SELECT id FROM epoch WHERE first_seq = (SELECT max(first_seq) FROM epoch)),
    EXISTS (SELECT 1 FROM told);

-- told: those of these messages that left before the database was restored.
SELECT t.id FROM json_each(:ids) AS w CROSS JOIN told AS t ON t.id = w.value;

-- known_events: which of these (id, source) were taken before, with their content.
SELECT e.id, e.source, e.seq, e.raw
FROM json_each(:keys) AS k CROSS JOIN event AS e ON e.id = k.value ->> 0 AND e.source = k.value ->> 1;

-- known_orders: the orders of these refs, as one JSON array of [ref, seq, newest event, body].
SELECT '[' || group_concat(json_array(o.ref, o.seq, o.last_event, CAST(o.body AS TEXT))) || ']'
FROM json_each(:refs) AS r CROSS JOIN orders AS o ON o.ref = r.value;

-- open_of_orders: the open messages of these orders, as one JSON array.
SELECT '[' || group_concat(m.row) || ']'
FROM json_each(:orders) AS w CROSS JOIN message AS n ON n.order_seq = w.value AND n.open = 1
CROSS JOIN message_row AS m ON m.seq = n.seq;

-- messages_with_line: these messages and the other open ones of their orders, as one JSON array.
SELECT '[' || group_concat(m.row) || ']'
FROM (
    SELECT w.value AS seq FROM json_each(:messages) AS w
    UNION ALL
    SELECT n.seq FROM json_each(:messages) AS w
    CROSS JOIN message AS t ON t.seq = w.value
    CROSS JOIN message AS n ON n.order_seq = t.order_seq AND n.open = 1 AND n.seq <> t.seq
) AS wanted CROSS JOIN message_row AS m ON m.seq = wanted.seq;

-- order_body: what is known of an order.
SELECT CAST(body AS TEXT) FROM orders WHERE seq = :seq;

-- messages_by_id: the numbers of these messages.
SELECT m.seq, m.id FROM json_each(:ids) AS w CROSS JOIN message AS m ON m.id = w.value;

-- attempts: these attempts, as one JSON array.
SELECT '[' || group_concat(a.row) || ']' FROM json_each(:attempts) AS w CROSS JOIN attempt_row AS a ON a.seq = w.value;

-- stopped: every word on consent of these addresses.
SELECT c.seq, w.value, c.medium, c.stopped, c.reason, c.at
FROM json_each(:digests) AS w CROSS JOIN consent AS c ON c.digest = w.value;

-- pseudonyms: the names under which these addresses stand in the record.
SELECT p.digest, p.name FROM json_each(:digests) AS w CROSS JOIN pseudonym AS p ON p.digest = w.value;

-- insert_order: an order that was never heard of.
INSERT INTO orders ({orders.columns}) SELECT {orders.selected} FROM (VALUES ({orders.values})) WHERE column1 IS NOT NULL;

-- update_order: what is known of an order now.
UPDATE orders SET {orders.changes} FROM (VALUES ({orders.changed_values})) AS v WHERE orders.seq = v.column1;

-- insert_person: a reply or a body is kept under an address.
INSERT OR IGNORE INTO person (digest, what, seq)
SELECT * FROM (VALUES (:digest, :what, :seq)) WHERE column1 IS NOT NULL;

-- insert_pseudonym: an address gets its name in the record.
INSERT INTO pseudonym (digest, name)
SELECT * FROM (VALUES (:digest, :name)) WHERE column1 IS NOT NULL;

-- insert_event: what happened, as it was told.
INSERT INTO event ({event.columns}) SELECT {event.selected} FROM (VALUES ({event.values})) WHERE column1 IS NOT NULL;

-- insert_message: a planned message.
INSERT INTO message ({message.columns}) SELECT {message.selected} FROM (VALUES ({message.values})) WHERE column1 IS NOT NULL;

-- update_message: a message that moved and stays open, or stays ended.
UPDATE message SET {message.changes} FROM (VALUES ({message.changed_values})) AS v WHERE message.seq = v.column1;

-- prolong: until when a message is of use, by the word of staff.
UPDATE message SET expires_at = :at WHERE seq = :seq;

-- reschedule: when a message has its turn among those of its recipient, and until when it is of use.
UPDATE message SET queue_place = :place, expires_at = :expires_at WHERE seq = :seq;

-- set_open: messages that ended, or began anew.
UPDATE message SET open = v.column2 FROM (VALUES (:seq, :open)) AS v WHERE message.seq = v.column1;

-- insert_attempt: an attempt that is about to leave.
INSERT INTO attempt ({attempt.columns}) SELECT {attempt.selected} FROM (VALUES ({attempt.values})) WHERE column1 IS NOT NULL;

-- update_attempt: what became of an attempt.
UPDATE attempt SET {attempt.changes} FROM (VALUES ({attempt.changed_values})) AS v WHERE attempt.seq = v.column1;

-- delete_attempt: an attempt that was cut before anything left.
DELETE FROM attempt WHERE seq = :seq;

-- insert_audit: an entry of the record.
INSERT INTO audit ({audit.columns}) SELECT {audit.selected} FROM (VALUES ({audit.values})) WHERE column1 IS NOT NULL;

-- early_receipts: receipts that came before these provider ids were on record.
SELECT r.channel, r.provider_id, r.state, r.at, r.detail, r.silence
FROM json_each(:keys) AS k CROSS JOIN early_receipt AS r ON r.channel = k.value ->> 0 AND r.provider_id = k.value ->> 1;

-- delete_early_receipt: it is with its attempt now.
DELETE FROM early_receipt WHERE channel = :channel AND provider_id = :provider_id;

-- attempts_at_provider: the attempts that this channel calls by one of these ids, [channel, provider id] each: the newest of each, as some call
-- all tries of a message by one.
WITH RECURSIVE lot (n) AS (
    SELECT (SELECT max(seq) FROM attempt) / 64
    UNION ALL
    SELECT n - 1 FROM lot WHERE n > 0
)
SELECT a.seq, a.message_seq, a.channel, a.provider_id
FROM json_each(:keys) AS k CROSS JOIN attempt AS a ON a.seq = (
    SELECT newest FROM (
        SELECT (
            SELECT max(c.seq) FROM attempt AS c
            WHERE c.seq / 64 = lot.n AND c.provider_id = k.value ->> 1 AND c.provider_id <> '' AND c.channel = k.value ->> 0
        ) AS newest FROM lot
    ) WHERE newest IS NOT NULL LIMIT 1
);

-- attempts_by_reference: the attempts of these references: [message id, n] each.
WITH RECURSIVE tried (seq, message_seq, id, n, wanted, earlier) AS (
    SELECT a.seq, m.seq, m.id, a.n, k.value ->> 1, a.earlier
    FROM json_each(:keys) AS k CROSS JOIN message AS m ON m.id = k.value ->> 0 CROSS JOIN attempt AS a ON a.seq = m.last_attempt
    UNION ALL
    SELECT a.seq, t.message_seq, t.id, a.n, t.wanted, a.earlier
    FROM tried AS t CROSS JOIN attempt AS a ON a.seq = t.earlier WHERE t.n > t.wanted
)
SELECT seq, message_seq, id, n FROM tried WHERE n = wanted;

-- tried: a message's attempts, from its newest on.
WITH RECURSIVE tried (seq, outcome, receipt, earlier) AS (
    SELECT seq, outcome, receipt, earlier FROM attempt WHERE seq = :last
    UNION ALL
    SELECT a.seq, a.outcome, a.receipt, a.earlier FROM tried AS t CROSS JOIN attempt AS a ON a.seq = t.earlier
)
SELECT seq, outcome, receipt FROM tried;

-- newer: the messages of an order's later events that take the place of older ones for that recipient. That staff told it themselves counts
-- while it is the last word on it: they may have taken it back.
SELECT seq, state FROM message AS m
WHERE order_seq = :order AND event_seq > :event AND (event_seq < :began) = (:event < :began) AND recipient = :recipient AND supersedes = 1
    AND substr(trigger, 1, length(:family) + 1) = :family || '.'
    AND NOT (via = '' AND EXISTS (
        SELECT 1 FROM message AS n WHERE n.order_seq = m.order_seq AND n.event_seq > m.event_seq
        AND n.recipient = m.recipient AND n.trigger = m.trigger
    ));

-- told_by_a_person: the entries of an order's later events by which staff told that recipient of this very thing, or had not after all.
SELECT seq, state FROM message
WHERE order_seq = :order AND event_seq > :event AND (event_seq < :began) = (:event < :began) AND recipient = :recipient AND trigger = :trigger AND via = '';

-- is_forgotten: whether an event's content was taken out.
SELECT length(raw) = 0 FROM event WHERE seq = :seq;

-- truncate_wal: bring the log into the database and empty it, as far as readers let us.
PRAGMA wal_checkpoint(TRUNCATE);

-- patience: for how long (ms) others are waited for who are in the way.
PRAGMA busy_timeout;

-- no_patience: for nobody.
PRAGMA busy_timeout = 0;
