-- keep_early: a receipt that may be of an attempt whose end is not known yet, if there is one: what says more replaces what says less.
INSERT INTO early_receipt (channel, provider_id, state, at, detail, silence, kept_at)
SELECT :channel, :provider_id, :state, :at, :detail, :silence, :now
WHERE EXISTS (SELECT 1 FROM message WHERE ready = 1 AND state IN ('sending', 'unknown') AND channel = :channel)
ON CONFLICT (channel, provider_id) DO UPDATE SET state = excluded.state, at = excluded.at, detail = excluded.detail
WHERE (early_receipt.state = 'sent' AND excluded.state <> 'sent')
    OR (early_receipt.state = 'undelivered' AND excluded.state IN ('delivered', 'read'));

-- keep_silence: what a receipt of an attempt that is not known yet says of consent, whatever else is known of it.
UPDATE early_receipt SET silence = :silence
WHERE channel = :channel AND provider_id = :provider_id AND silence IS NOT :silence;

-- due: attempts whose receipts are to be asked for, as one JSON array of [attempt, order ref, type].
SELECT '[' || group_concat(json_array(json(a.row), o.ref, m.trigger)) || ']'
FROM (SELECT seq, message_seq FROM attempt WHERE poll_at <= :now ORDER BY poll_at LIMIT :limit) AS d
CROSS JOIN attempt_row AS a ON a.seq = d.seq CROSS JOIN message AS m ON m.seq = d.message_seq
CROSS JOIN orders AS o ON o.seq = m.order_seq;

-- next_due: when the next receipt is to be asked for.
SELECT min(poll_at) FROM attempt WHERE poll_at IS NOT NULL;

-- anothers: the attempt, other than that one, that this channel calls by this id: the newest lot first.
WITH RECURSIVE lot (n) AS (
    SELECT (SELECT max(seq) FROM attempt) / 64
    UNION ALL
    SELECT n - 1 FROM lot WHERE n > 0
)
SELECT a.seq FROM lot CROSS JOIN attempt AS a ON a.seq / 64 = lot.n AND a.provider_id = :provider_id AND a.provider_id <> ''
WHERE a.channel = :channel AND a.seq <> :seq LIMIT 1;

-- rivals: how many attempts for other messages by a channel to an address, of about then, are under way, or ended without its being known
-- what the provider calls them; looked for among the thousand before it and what followed.
SELECT count(*) FROM attempt AS a
WHERE a.seq > :seq - 1000 AND a.started_at BETWEEN :since AND :until AND a.channel = :channel AND a.address = :address AND a.message_seq <> :message
    AND (a.outcome IS NULL OR a.outcome = 'unknown') AND a.provider_id = '';
