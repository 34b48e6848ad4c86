-- tables: what there is to save, in this release's own schema; an index that is a table is made anew.
SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'person_order' ORDER BY name;

-- columns: of a table, with their places in the primary key (0: not in it).
SELECT name, pk FROM pragma_table_info(:name) ORDER BY cid;

-- root: the page on which a table begins.
SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = :name AND typeof(rootpage) = 'integer' AND rootpage BETWEEN 1 AND 4294967294;

-- drop_order: it can't be read.
DELETE FROM orders WHERE seq = :seq;

-- drop_event: it can't be read.
DELETE FROM event WHERE seq = :seq;

-- drop_message: it can't be read.
DELETE FROM message WHERE seq = :seq;

-- blank_sent: what was sent can't be read; that it was still counts.
UPDATE attempt SET sent = NULL WHERE seq = :seq;

-- blank_detail: the chain breaks at this entry, and says so.
UPDATE audit SET detail = '{}' WHERE seq = :seq;

-- blank_reason_args: its sentence stays.
UPDATE message SET reason_args = '' WHERE seq = :seq;

-- blank_headers: the body can be read again without them.
UPDATE quarantine SET headers = '{}' WHERE seq = :seq;

-- drop_messages: whose event or order is lost.
DELETE FROM message WHERE event_seq NOT IN (SELECT seq FROM event) OR order_seq NOT IN (SELECT seq FROM orders);

-- drop_events: whose order is lost.
DELETE FROM event WHERE order_seq NOT IN (SELECT seq FROM orders);

-- drop_attempts: whose message is lost.
DELETE FROM attempt WHERE message_seq NOT IN (SELECT seq FROM message);

-- drop_orders: of which no event is left.
DELETE FROM orders WHERE seq NOT IN (SELECT order_seq FROM event);

-- drop_order_people: whose order is lost: its number may be given out again.
DELETE FROM order_people WHERE order_seq NOT IN (SELECT seq FROM orders);

-- drop_people: likewise of replies and bodies.
DELETE FROM person WHERE (what = 'reply' AND seq NOT IN (SELECT seq FROM reply))
    OR (what = 'quarantine' AND seq NOT IN (SELECT seq FROM quarantine));

-- index_again: rows of the index may be lost; it is made anew from what is there.
DELETE FROM note WHERE key = 'people.indexed';

-- late_epochs: those that began after what is left of the record.
DELETE FROM epoch WHERE first_seq > (SELECT coalesce(max(seq), 0) + 1 FROM audit);

-- first_epoch: the record's beginning has one, whatever was lost.
INSERT INTO epoch (first_seq, id, at, reason)
SELECT 1, 'lost', 0, 'its record was lost' WHERE NOT EXISTS (SELECT 1 FROM epoch WHERE first_seq = 1);

-- chain_events: each to the one before of the same order.
UPDATE event SET earlier = c.earlier
FROM (SELECT seq, lag(seq, 1, 0) OVER (PARTITION BY order_seq ORDER BY seq) AS earlier FROM event) AS c
WHERE c.seq = event.seq AND event.earlier <> c.earlier;

-- chain_orders: each to its newest event.
UPDATE orders SET last_event = (SELECT max(seq) FROM event WHERE order_seq = orders.seq);

-- chain_attempts: each to the one before of the same message.
UPDATE attempt SET earlier = c.earlier
FROM (SELECT seq, lag(seq, 1, 0) OVER (PARTITION BY message_seq ORDER BY seq) AS earlier FROM attempt) AS c
WHERE c.seq = attempt.seq AND attempt.earlier <> c.earlier;

-- chain_messages: each to its newest attempt.
UPDATE message SET last_attempt = coalesce((SELECT max(seq) FROM attempt WHERE message_seq = message.seq), 0);

-- stop_senders: what was under way, or is to be looked up, and has lost its newest attempt may have arrived: staff decide.
UPDATE message SET state = 'unknown', ready = 0, possible_duplicate = 1,
    reason = 'the record of its attempt was damaged', reason_code = '', reason_args = ''
WHERE (state = 'sending' AND NOT EXISTS (SELECT 1 FROM attempt AS a WHERE a.seq = message.last_attempt AND a.outcome IS NULL))
    OR (state = 'unknown' AND NOT EXISTS (SELECT 1 FROM attempt AS a WHERE a.seq = message.last_attempt AND a.n = message.tries AND a.outcome = 'unknown'));

-- late_orders: those that began after what is left of the events: they begin with what comes next.
UPDATE orders SET began = n.next, body = CAST(json_set(CAST(body AS TEXT), '{order.began}', n.next) AS BLOB)
FROM (SELECT max(seq) + 1 AS next FROM event) AS n WHERE orders.began > n.next;

-- late_replies: those that were put to their order after what is left of it.
UPDATE reply SET event_seq = o.last_event FROM orders AS o WHERE o.ref = reply.order_ref AND reply.event_seq > o.last_event;

-- order_queues: the first of each queue, and what waits in doubt beside it, can be taken up, unless one of it is being sent. What is told of the
-- order that had the number before waits in a queue of its own.
UPDATE message SET ready = CAST((l.place = 1 OR possible_duplicate = 1) AND NOT l.busy AS INTEGER)
FROM (
    SELECT m.seq, row_number() OVER (queue ORDER BY m.possible_duplicate, m.queue_place, m.seq) AS place, max(m.state = 'sending') OVER queue AS busy
    FROM message AS m CROSS JOIN orders AS o ON o.seq = m.order_seq
    WHERE m.open = 1 AND m.state IN ('queued', 'sending')
    WINDOW queue AS (PARTITION BY m.order_seq, m.recipient, m.event_seq < o.began)
) AS l
WHERE l.seq = message.seq AND message.state = 'queued';

-- key: what the digests were made with, open or locked up.
SELECT value FROM secret WHERE name IN ('digest', 'digest_locked');
