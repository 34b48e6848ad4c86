-- due: queued messages at a channel whose time has come, first of their queue, by priority, as one JSON array.
SELECT '[' || group_concat('[' || r.row || ',' || json_quote(r.event) || ',' || json_quote(r.order_body) || ']') || ']'
FROM (
    SELECT * FROM (SELECT seq FROM message WHERE ready = 1 AND state = 'queued' AND channel = :channel AND priority = 0 AND due_at <= :now
        AND seq NOT IN (SELECT value FROM json_each(:exclude)) ORDER BY due_at, seq LIMIT :limit)
    UNION ALL
    SELECT * FROM (SELECT seq FROM message WHERE ready = 1 AND state = 'queued' AND channel = :channel AND priority = 1 AND due_at <= :now
        AND seq NOT IN (SELECT value FROM json_each(:exclude)) ORDER BY due_at, seq LIMIT :limit)
    UNION ALL
    SELECT * FROM (SELECT seq FROM message WHERE ready = 1 AND state = 'queued' AND channel = :channel AND priority = 2 AND due_at <= :now
        AND seq NOT IN (SELECT value FROM json_each(:exclude)) ORDER BY due_at, seq LIMIT :limit)
    LIMIT :limit
) AS d CROSS JOIN message_row AS r ON r.seq = d.seq;

-- due_offline: those at other channels that the one which works without the internet may take by now, and what stands before such a one in
-- its queue, as one JSON array: order is kept, and a mail that could wait holds up no news that can't; what waits in doubt stands before nobody.
-- What that one has left in doubt since it began, or since staff had it tried again, and has passed on does not come back to it.
SELECT '[' || group_concat('[' || r.row || ',' || json_quote(r.event) || ',' || json_quote(r.order_body) || ']') || ']'
FROM (
    SELECT * FROM (SELECT seq FROM message WHERE ready = 1 AND state = 'queued' AND offline_after IS NOT NULL AND priority = 0 AND due_at <= :now
        AND channel <> :channel AND (offline_after <= :down_for OR (possible_duplicate = 0 AND EXISTS (
            SELECT 1 FROM message AS n WHERE n.order_seq = message.order_seq AND n.open = 1 AND n.recipient = message.recipient
            AND n.state = 'queued' AND n.due_at <= :now AND n.offline_after <= :down_for AND n.possible_duplicate = 0)))
        AND NOT (possible_duplicate = 1 AND EXISTS (
            WITH RECURSIVE tried (channel, outcome, earlier) AS (
                SELECT '', '', message.last_attempt
                UNION ALL
                SELECT a.channel, a.outcome, a.earlier FROM tried AS t CROSS JOIN attempt AS a ON a.seq = t.earlier AND a.n >= message.first_try)
            SELECT 1 FROM tried WHERE tried.channel = :channel AND tried.outcome = 'unknown'))
        AND seq NOT IN (SELECT value FROM json_each(:exclude)) ORDER BY due_at, seq LIMIT :limit)
    UNION ALL
    SELECT * FROM (SELECT seq FROM message WHERE ready = 1 AND state = 'queued' AND offline_after IS NOT NULL AND priority = 1 AND due_at <= :now
        AND channel <> :channel AND (offline_after <= :down_for OR (possible_duplicate = 0 AND EXISTS (
            SELECT 1 FROM message AS n WHERE n.order_seq = message.order_seq AND n.open = 1 AND n.recipient = message.recipient
            AND n.state = 'queued' AND n.due_at <= :now AND n.offline_after <= :down_for AND n.possible_duplicate = 0)))
        AND NOT (possible_duplicate = 1 AND EXISTS (
            WITH RECURSIVE tried (channel, outcome, earlier) AS (
                SELECT '', '', message.last_attempt
                UNION ALL
                SELECT a.channel, a.outcome, a.earlier FROM tried AS t CROSS JOIN attempt AS a ON a.seq = t.earlier AND a.n >= message.first_try)
            SELECT 1 FROM tried WHERE tried.channel = :channel AND tried.outcome = 'unknown'))
        AND seq NOT IN (SELECT value FROM json_each(:exclude)) ORDER BY due_at, seq LIMIT :limit)
    UNION ALL
    SELECT * FROM (SELECT seq FROM message WHERE ready = 1 AND state = 'queued' AND offline_after IS NOT NULL AND priority = 2 AND due_at <= :now
        AND channel <> :channel AND (offline_after <= :down_for OR (possible_duplicate = 0 AND EXISTS (
            SELECT 1 FROM message AS n WHERE n.order_seq = message.order_seq AND n.open = 1 AND n.recipient = message.recipient
            AND n.state = 'queued' AND n.due_at <= :now AND n.offline_after <= :down_for AND n.possible_duplicate = 0)))
        AND NOT (possible_duplicate = 1 AND EXISTS (
            WITH RECURSIVE tried (channel, outcome, earlier) AS (
                SELECT '', '', message.last_attempt
                UNION ALL
                SELECT a.channel, a.outcome, a.earlier FROM tried AS t CROSS JOIN attempt AS a ON a.seq = t.earlier AND a.n >= message.first_try)
            SELECT 1 FROM tried WHERE tried.channel = :channel AND tried.outcome = 'unknown'))
        AND seq NOT IN (SELECT value FROM json_each(:exclude)) ORDER BY due_at, seq LIMIT :limit)
    LIMIT :limit
) AS d CROSS JOIN message_row AS r ON r.seq = d.seq;

-- left_aside: what waits at other channels and was last tried by this one, which could not deliver it; unless staff had it tried again.
SELECT m.seq FROM message AS m CROSS JOIN attempt AS a ON a.seq = m.last_attempt
WHERE m.channel <> :channel AND a.channel = :channel AND a.n >= m.first_try AND a.receipt = 'undelivered' AND m.seq IN (
    SELECT seq FROM message INDEXED BY message_ready WHERE ready = 1 AND state = 'queued'
    UNION ALL SELECT seq FROM message INDEXED BY message_blocked WHERE state = 'queued' AND ready = 0
);

-- waiting: all that is queued at a channel, by seq, as one JSON array.
SELECT '[' || group_concat('[' || r.row || ',' || json_quote(r.event) || ',' || json_quote(r.order_body) || ']') || ']'
FROM (SELECT seq FROM message WHERE seq > :after AND channel = :channel AND +state = 'queued' ORDER BY seq LIMIT :limit) AS d
CROSS JOIN message_row AS r ON r.seq = d.seq;

-- channels_beside: where something is queued beside these channels.
SELECT channel FROM (
    SELECT channel FROM message INDEXED BY message_ready WHERE ready = 1 AND state = 'queued'
    UNION SELECT channel FROM message INDEXED BY message_blocked WHERE state = 'queued' AND ready = 0
) WHERE channel NOT IN (SELECT value FROM json_each(:channels));

-- unknowns: messages to be looked up, but for those of some channels, and their newest attempts, each as one JSON array.
WITH d (seq) AS (
    SELECT seq FROM message INDEXED BY message_unknown WHERE ready = 1 AND state = 'unknown' AND due_at <= :now
        AND channel NOT IN (SELECT value FROM json_each(:beside)) ORDER BY due_at, seq LIMIT :limit
)
SELECT
    (SELECT '[' || group_concat('[' || r.row || ',' || json_quote(r.event) || ',' || json_quote(r.order_body) || ']') || ']'
     FROM d CROSS JOIN message_row AS r ON r.seq = d.seq),
    (SELECT '[' || group_concat(a.row) || ']' FROM d
     CROSS JOIN message AS m ON m.seq = d.seq CROSS JOIN attempt_row AS a ON a.seq = m.last_attempt);

-- next_due: when the first of what waits at a channel is due.
SELECT min(due_at) FROM (
    SELECT * FROM (SELECT due_at FROM message WHERE ready = 1 AND state = 'queued' AND channel = :channel AND priority = 0
        AND seq NOT IN (SELECT value FROM json_each(:exclude)) ORDER BY due_at LIMIT 1)
    UNION ALL
    SELECT * FROM (SELECT due_at FROM message WHERE ready = 1 AND state = 'queued' AND channel = :channel AND priority = 1
        AND seq NOT IN (SELECT value FROM json_each(:exclude)) ORDER BY due_at LIMIT 1)
    UNION ALL
    SELECT * FROM (SELECT due_at FROM message WHERE ready = 1 AND state = 'queued' AND channel = :channel AND priority = 2
        AND seq NOT IN (SELECT value FROM json_each(:exclude)) ORDER BY due_at LIMIT 1)
);

-- next_unknown: when the first of what is unknown is to be looked up.
SELECT min(due_at) FROM message INDEXED BY message_unknown WHERE ready = 1 AND state = 'unknown';

-- doubts: of how many tries by that channel before this one, of the same message, nobody knows whether they arrived.
WITH RECURSIVE tried (channel, outcome, earlier) AS (
    SELECT channel, '', earlier FROM attempt WHERE seq = :seq
    UNION ALL
    SELECT a.channel, a.outcome, a.earlier FROM tried AS t CROSS JOIN attempt AS a ON a.seq = t.earlier
)
SELECT count(*) FROM tried WHERE channel = :channel AND outcome = 'unknown';

-- under_way: attempts without an outcome, of messages that are being sent.
SELECT m.seq, m.last_attempt FROM message AS m WHERE m.ready = 1 AND m.state = 'sending' LIMIT :limit;

-- wanted: a message that is about to leave, as one JSON array, if it is to leave still: nobody called it off, or put it off, and no earlier
-- attempt of it was delivered.
WITH RECURSIVE tried (receipt, earlier) AS (
    SELECT a.receipt, a.earlier FROM message AS m CROSS JOIN attempt AS a ON a.seq = m.last_attempt WHERE m.seq = :seq
    UNION ALL
    SELECT a.receipt, a.earlier FROM tried AS t CROSS JOIN attempt AS a ON a.seq = t.earlier
)
SELECT '[[' || r.row || ',' || json_quote(r.event) || ',' || json_quote(r.order_body) || ']]'
FROM message AS m CROSS JOIN orders AS o ON o.seq = m.order_seq CROSS JOIN message_row AS r ON r.seq = m.seq
WHERE m.seq = :seq AND m.due_at <= :now AND m.pending_state = '' AND (m.manual = 1 OR o.held = 0 OR m.event_seq < o.began)
    AND NOT EXISTS (SELECT 1 FROM tried WHERE receipt IN ('delivered', 'read'));

-- shift_slice: the end of the next slice of messages.
SELECT max(seq) FROM (SELECT seq FROM message WHERE seq > :after ORDER BY seq LIMIT :limit);

-- shift: move the waits of a slice, and since when each is at its channel; a moment of the day stays what it is, but for what was put off to one
-- by the clock that was wrong, which is judged anew (a reminder not before the moment that it was planned for). Until when it is of use
-- was counted by the clock as well, if it came by a clock that is now put forward: since this run began. What was written by the clock that was put
-- forward, before the step was noticed, counts by it already: it is younger than the old clock could be, and no younger than
-- the new one is.
UPDATE message SET due_at = CASE
        WHEN relative = 0 AND state = 'queued' AND reason_code IN ('quiet_hours', 'sms_parts', 'sms_cost', 'daily_limit')
            THEN iif(CAST(body AS TEXT) ->> '{message_body.policy}.timed', max(:now, queue_place), :now)
        ELSE due_at + iif(relative = 1, :delta, 0) END,
    queue_place = queue_place + iif(relative = 1 AND queue_place > 0 AND queue_place = due_at, :delta, 0),
    channel_since = channel_since + iif(relative = 1 OR channel_since <> due_at, :delta, 0),
    expires_at = expires_at + iif(created_at >= :began AND :delta > 0 AND (relative = 1 OR queue_place = 0), :delta, 0)
WHERE seq > :after AND seq <= :upto AND state IN ('queued', 'held', 'sending', 'unknown')
    AND NOT (:delta > 0 AND updated_at > :noticed AND updated_at <= :now);

-- past_the_day: what waits for tomorrow at these channels because of a day's limits, those of all texts too where they have room; under others
-- it may go today (a reminder not before the moment that it was planned for).
UPDATE message SET due_at = iif(CAST(body AS TEXT) ->> '{message_body.policy}.timed', max(:now, queue_place), :now)
WHERE due_at > :now AND relative = 0 AND (reason_code = 'daily_limit' OR (:texts AND reason_code IN ('sms_parts', 'sms_cost')))
    AND channel IN (SELECT value FROM json_each(:channels)) AND seq IN (
    SELECT seq FROM message INDEXED BY message_ready WHERE ready = 1 AND state = 'queued'
    UNION ALL SELECT seq FROM message INDEXED BY message_blocked WHERE state = 'queued' AND ready = 0
);

-- shift_doubts: move when what this run sent, and what is not known to have arrived, left: it is looked for by that time.
UPDATE attempt SET started_at = started_at + :delta
WHERE seq IN (SELECT last_attempt FROM message WHERE seq > :after AND seq <= :upto AND state IN ('sending', 'unknown'))
    AND started_at >= :began AND NOT (:delta > 0 AND started_at > :noticed AND started_at <= :now);

-- shift_receipts: move when the receipts of what this run sent are asked for, and from when that is counted.
UPDATE attempt SET poll_at = poll_at + :delta, finished_at = finished_at + :delta
WHERE poll_at IS NOT NULL AND finished_at >= :began AND NOT (:delta > 0 AND finished_at > :noticed AND finished_at <= :now);

-- in_company: the open messages of a slice beside which others of their order are open.
SELECT m.seq FROM message AS m WHERE m.seq > :after AND m.seq <= :upto AND m.open = 1
    AND EXISTS (SELECT 1 FROM message AS n WHERE n.order_seq = m.order_seq AND n.open = 1 AND n.seq <> m.seq);

-- shifted: the channels at which a slice has something to take up.
SELECT DISTINCT channel FROM message WHERE seq > :after AND seq <= :upto AND ready = 1 AND +state = 'queued';
