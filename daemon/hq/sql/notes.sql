-- get: a small fact.
SELECT value FROM note WHERE key = %(key)s;

-- set: a small fact.
INSERT INTO note (key, value) VALUES (%(key)s, %(value)s) ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- lead: whether this process is the one that tells people; until its connection ends.
SELECT pg_try_advisory_lock(7411039);

-- told: of what somebody was told and that was not over.
SELECT key, words FROM told;

-- tell: somebody was told.
INSERT INTO told (key, words, at) VALUES (%(key)s, %(words)s, %(now)s)
ON CONFLICT (key) DO UPDATE SET words = excluded.words, at = excluded.at;

-- over: and that it is over.
DELETE FROM told WHERE key = %(key)s;

-- taken_back: groups whose last canary went wrong, with nothing published to them since.
SELECT r.grp, r.why FROM (SELECT DISTINCT ON (grp) * FROM rollout ORDER BY grp, id DESC) AS r
WHERE r.state = 'taken_back' AND r.why NOT LIKE 'by %%'
    AND NOT EXISTS (SELECT 1 FROM bundle AS b WHERE b.grp = r.grp AND b.published_at > r.ended_at);
