-- say: our newest word on an address, to be told.
INSERT INTO fleet_consent (kid, digest, medium, local, said, told, seq, stopped, at, store, how, knew)
VALUES (:kid, :digest, :medium, :local, :said, 0, 0, 0, 0, '', '', (SELECT coalesce(max(seq), 0) FROM fleet_consent))
ON CONFLICT (kid, digest) DO UPDATE SET local = excluded.local, said = excluded.said, base = max(seq, told_seq), knew = excluded.knew
WHERE excluded.said > said;

-- say_late: a word of ours from before this key, or from before the fleet. What others said meanwhile it can't have answered, whatever we know
-- of it now: an opt-in answers our own last word that was told, and no more.
INSERT INTO fleet_consent (kid, digest, medium, local, said, told, seq, stopped, at, store, how, knew)
VALUES (:kid, :digest, :medium, :local, :said, 0, 0, 0, 0, '', '', 0)
ON CONFLICT (kid, digest) DO UPDATE SET local = excluded.local, said = excluded.said, base = told_seq, knew = 0
WHERE excluded.said > said;

-- say_again: a word on an address whose digest is known from before, though the address itself need not be.
UPDATE fleet_consent SET said = :said, base = max(seq, told_seq), knew = (SELECT coalesce(max(f.seq), 0) FROM fleet_consent AS f)
WHERE local = :local AND local <> '' AND medium = :medium;

-- untold: our words that the fleet was not told, the oldest first. An opt-out that one elsewhere ended is none: under a new key the fleet would
-- take it for newer than that.
SELECT f.kid, f.digest, f.medium, f.said, f.base, f.knew, c.stopped, c.at, c.reason
FROM fleet_consent AS f CROSS JOIN consent AS c ON c.seq = f.said
WHERE f.said > f.told AND NOT (c.stopped = 1 AND EXISTS (
    SELECT 1 FROM consent AS n WHERE n.digest = c.digest AND n.medium = c.medium AND n.seq > c.seq AND n.stopped = 0
)) ORDER BY f.said LIMIT :limit;

-- told: the fleet took our word under that number of its own (0: it would not have it).
UPDATE fleet_consent SET told = max(told, :said), told_seq = max(told_seq, :seq) WHERE kid = :kid AND digest = :digest;

-- answered: what we said after a word of ours that answered all before it.
UPDATE fleet_consent SET base = max(base, :seq) WHERE kid = :kid AND digest = :digest AND said > :said;

-- taken: a word of ours came back: the fleet has it, though its answer did not reach us. What we said since answers it where we knew the one
-- before it.
UPDATE fleet_consent SET told = :ours, told_seq = max(told_seq, :seq),
    base = iif(said > :ours AND :after BETWEEN 0 AND base, max(base, :seq), base)
WHERE kid = :kid AND digest = :digest AND told < :ours AND EXISTS (
    SELECT 1 FROM consent AS c WHERE c.seq = :ours AND c.at = :at AND c.stopped = :stopped
);

-- heard: the fleet's newest word on an address; of a stream that begins anew also its first, which has the number that older words were given.
INSERT INTO fleet_consent (kid, digest, medium, local, said, told, seq, stopped, at, store, how, heard)
VALUES (:kid, :digest, :medium, '', 0, 0, :seq, :stopped, :at, :store, :how, :heard)
ON CONFLICT (kid, digest) DO UPDATE SET seq = excluded.seq, stopped = excluded.stopped, at = excluded.at, store = excluded.store,
    how = excluded.how, heard = excluded.heard WHERE excluded.seq >= seq
RETURNING local;

-- ours: our own words on an address, whatever the medium: whether the fleet took the newest, and under which number.
SELECT medium, said = told, told_seq FROM fleet_consent WHERE kid = :kid AND local = :local AND local <> '' AND said > 0;

-- words: what the fleet said of an address under one key, the newest last: on a medium, on the one whose silence it keeps, on all.
SELECT medium, stopped, store, at, how, seq, heard FROM fleet_consent
WHERE kid = :kid AND digest IN (:own, :number, :all) AND seq > 0 ORDER BY seq;

-- cursor: how far in the fleet's order we have heard; 0 while all of it is to be heard again.
SELECT coalesce(max(seq), 0) FROM fleet_consent WHERE NOT EXISTS (SELECT 1 FROM note WHERE key = 'fleet.hear_again');

-- hear_again: what was heard may be lost, all of it or some.
INSERT OR REPLACE INTO note (key, value) VALUES ('fleet.hear_again', '');

-- heard_again: it is here once more.
DELETE FROM note WHERE key = 'fleet.hear_again';

-- start_over: the fleet's order begins anew; what was stopped stays so until it is said again. A word of ours that one elsewhere ended is
-- not to be told again, nor an opt-in that the fleet would not have or that one elsewhere overruled: here it would be the first.
UPDATE fleet_consent SET seq = min(seq, 1), told_seq = 0, base = 0, knew = 0, heard = 0, told = iif(EXISTS (
    SELECT 1 FROM consent AS c CROSS JOIN consent AS n ON n.digest = c.digest AND n.medium = c.medium AND n.seq > c.seq AND n.stopped = 0
    WHERE c.seq = fleet_consent.said
) OR (told >= said AND stopped = 1 AND seq > told_seq AND EXISTS (
    SELECT 1 FROM consent AS c WHERE c.seq = fleet_consent.said AND c.stopped = 0
)), said, 0);

-- own_addresses: words on consent whose address is still known and that hold, to be told under another key.
SELECT c.seq, c.medium, c.address, c.digest FROM consent AS c
WHERE c.seq > :after AND c.address <> '' AND NOT EXISTS (
    SELECT 1 FROM consent AS n WHERE n.digest = c.digest AND n.medium = c.medium AND n.seq > c.seq AND n.stopped = 0
)
ORDER BY c.seq LIMIT :limit;

-- standing: what others of the fleet said to stop and no word of ours says already, the newest first; once, whatever keys it came under.
SELECT max(f.seq), f.medium, max(coalesce(c.address, '')), f.store, f.at, f.how
FROM fleet_consent AS f LEFT JOIN consent AS c ON c.seq = f.said
WHERE f.stopped = 1 AND f.seq > 0 AND coalesce(c.stopped, 0) = 0
GROUP BY f.medium, f.store, f.at, f.how HAVING max(f.seq) < :below ORDER BY 1 DESC LIMIT :limit;

-- elsewhere: how many stand that others of the fleet told us of.
SELECT count(*) FROM fleet_consent WHERE stopped = 1 AND said = 0;

-- entries: the record beyond an entry, each with its epoch.
SELECT (SELECT id FROM epoch WHERE first_seq <= a.seq ORDER BY first_seq DESC LIMIT 1),
    a.seq, a.at, a.kind, a.actor, a.order_ref, a.message_id, a.detail, a.hash
FROM audit AS a WHERE a.seq > :after ORDER BY a.seq LIMIT :limit;

-- hash_at: an entry's hash.
SELECT hash FROM audit WHERE seq = :seq;

-- at_of: when an entry was made.
SELECT at FROM audit WHERE seq = :seq;

-- ends: the first and the last entry that are kept.
SELECT coalesce((SELECT min(seq) FROM audit), 0), coalesce((SELECT max(seq) FROM audit), 0);

-- epochs: each history of this database, and where it begins.
SELECT id, first_seq FROM epoch ORDER BY first_seq;

-- why_began: what made a history another one than that before.
SELECT reason FROM epoch WHERE id = :epoch;

-- changed: the messages that entries beyond one speak of, each with the newest of these entries.
SELECT a.message_id, max(a.seq) FROM (
    SELECT message_id, seq FROM audit WHERE seq > :after ORDER BY seq LIMIT :limit
) AS a WHERE a.message_id <> '' GROUP BY a.message_id;

-- reached: the last of the entries that `changed` looks at.
SELECT max(seq) FROM (SELECT seq FROM audit WHERE seq > :after ORDER BY seq LIMIT :limit);

-- states: how these messages stand, with the last attempt of each; what it said where it was a text message.
SELECT m.id, o.ref, m.state, m.channel, m.reason_code, m.reason_args, m.trigger, m.created_at, m.updated_at, m.due_at, m.attempt_count,
    m.recipient, CAST(m.addresses AS TEXT), iif(a.outcome = 'accepted', a.finished_at, NULL), coalesce(a.address, ''),
    CAST(iif(a.outcome IN ('accepted', 'unknown') AND a.channel IN (SELECT value FROM json_each(:texts)), a.sent, NULL) AS TEXT)
FROM json_each(:ids) AS w CROSS JOIN message AS m ON m.id = w.value CROSS JOIN orders AS o ON o.seq = m.order_seq
LEFT JOIN attempt AS a ON a.seq = m.last_attempt;

-- keep_key: one of the fleet's keys, beside this database's own.
INSERT INTO secret (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- kept_keys: the fleet's keys that came over the line.
SELECT name, value FROM secret WHERE substr(name, 1, length(:prefix)) = :prefix ORDER BY name;

-- broken_texts: triggers of which a text could not be made since a moment, and could be for a while before.
SELECT DISTINCT trigger FROM message
WHERE state = 'failed' AND reason_code IN ('text_broken', 'route_broken', 'planning_failed') AND updated_at >= :since
    AND trigger NOT IN (
        SELECT trigger FROM message
        WHERE state = 'failed' AND reason_code IN ('text_broken', 'route_broken', 'planning_failed')
            AND updated_at >= :before AND updated_at < :since
    )
ORDER BY trigger LIMIT 5;
