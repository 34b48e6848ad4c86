-- keep: a new one; the same again while it waits is counted.
INSERT INTO quarantine (at, source, state, reason, retry, times, cut, digest, headers, body)
VALUES (:at, :source, 'waiting', :reason, :retry, 1, :cut, :digest, :headers, :body)
ON CONFLICT (source, digest) WHERE state = 'waiting'
DO UPDATE SET times = times + 1, reason = excluded.reason, retry = excluded.retry, at = excluded.at
RETURNING seq, times;

-- trim: of a source's, only so many of the newest are kept that wait, and as many that are done with.
DELETE FROM quarantine WHERE source = :source AND (state = 'waiting') = :waiting AND seq <= (
    SELECT seq FROM quarantine WHERE source = :source AND (state = 'waiting') = :waiting ORDER BY seq DESC LIMIT 1 OFFSET :most
) RETURNING seq;

-- one: whose it is and how it stands.
SELECT source, state FROM quarantine WHERE seq = :seq;

-- close: it was read again, or dropped: its body goes.
UPDATE quarantine SET state = :state, body = x'', headers = '{}' WHERE seq = :seq;

-- explain: why it still waits.
UPDATE quarantine SET reason = :reason, retry = :retry WHERE seq = :seq AND (reason <> :reason OR retry <> :retry);

-- all: the newest first, without their bodies.
SELECT seq, at, source, state, reason, retry, times, cut, length(body), headers, x'' FROM quarantine
WHERE seq < :below AND (:source IS NULL OR source = :source) AND (:state IS NULL OR state = :state)
ORDER BY seq DESC LIMIT :limit;

-- get: one with its body.
SELECT seq, at, source, state, reason, retry, times, cut, length(body), headers, body FROM quarantine WHERE seq = :seq;

-- retries: those above that number that are to be read again by themselves, the oldest first.
SELECT seq, at, source, state, reason, retry, times, cut, length(body), headers, body FROM quarantine
WHERE state = 'waiting' AND retry = 1 AND seq > :after ORDER BY seq LIMIT :limit;
