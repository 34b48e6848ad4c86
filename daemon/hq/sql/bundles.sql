-- lock: one publishes at a time.
SELECT pg_advisory_xact_lock(7411037);

-- lead: whether this process is the one that looks after what is published; until its connection ends.
SELECT pg_try_advisory_lock(7411038);

-- next_version: above all that was published, and above all that NATS was told and that stores say they have, should this database be an old
-- copy.
SELECT 1 + greatest(
    coalesce((SELECT max(version) FROM bundle), 0),
    coalesce((SELECT value::bigint FROM note WHERE key = 'bundles.told'), 0),
    coalesce((SELECT max(substring(body ->> 'bundle' FROM '/([0-9]{1,15})$')::bigint) FROM health), 0)
);

-- note_told: the highest number that NATS was told and this database does not know of.
INSERT INTO note (key, value) VALUES ('bundles.told', %(version)s::text) ON CONFLICT (key) DO UPDATE SET value = excluded.value
WHERE excluded.value::bigint > note.value::bigint;

-- keep_content: once, however often it is published.
INSERT INTO bundle_content (digest, zip) VALUES (%(digest)s, %(zip)s) ON CONFLICT (digest) DO NOTHING;

-- content: by its digest.
SELECT zip FROM bundle_content WHERE digest = %(digest)s;

-- add: a signed word on a group.
INSERT INTO bundle (version, grp, digest, release, note, published_by, published_at, manifest, signature)
VALUES (%(version)s, %(grp)s, %(digest)s, %(release)s, %(note)s, %(by)s, %(now)s, %(manifest)s, %(signature)s);

-- unsent: what NATS does not have yet, in order.
SELECT b.version, b.grp, b.manifest, b.signature, coalesce(c.zip, '')
FROM bundle AS b LEFT JOIN bundle_content AS c USING (digest) WHERE b.sent_at IS NULL ORDER BY b.version LIMIT 20;

-- sent: NATS has it.
UPDATE bundle SET sent_at = %(now)s WHERE version = %(version)s AND sent_at IS NULL;

-- standing: the newest word on each group.
SELECT DISTINCT ON (grp) grp, version, digest, release, note, published_by, published_at, sent_at FROM bundle ORDER BY grp, version DESC;

-- send_again: NATS does not have the newest word on that group any more.
UPDATE bundle SET sent_at = NULL WHERE version = (SELECT max(version) FROM bundle WHERE grp = %(grp)s);

-- history: words on one group, the newest first.
SELECT version, digest, release, note, published_by, published_at FROM bundle WHERE grp = %(grp)s ORDER BY version DESC LIMIT 100;

-- before: what a group had before what it has now; not what canaries tried there and was taken back.
SELECT b.version, b.digest, b.release FROM bundle AS b WHERE b.grp = %(grp)s AND b.digest <> %(digest)s AND NOT EXISTS (
    SELECT 1 FROM rollout AS r WHERE r.state = 'taken_back' AND b.grp = ANY(r.first_groups) AND b.digest = r.digest
        AND b.version = (SELECT max(version) FROM bundle WHERE grp = b.grp AND digest = r.digest AND published_at <= r.began_at)
)
ORDER BY b.version DESC LIMIT 1;

-- stores: each with its groups and what it says of bundles.
SELECT s.name, s.grp, s.canary, coalesce(h.body ->> 'bundle', ''), coalesce(h.body ->> 'bundle_problem', ''), h.arrived
FROM store AS s LEFT JOIN health AS h ON h.store = s.name WHERE s.revoked_at IS NULL ORDER BY s.name;

-- begin_rollout: some stores have it first.
INSERT INTO rollout (grp, digest, release, note, published_by, first_groups, stores, began_at, until, state)
VALUES (%(grp)s, %(digest)s, %(release)s, %(note)s, %(by)s, %(first)s, %(stores)s, %(now)s, %(until)s, 'canary');

-- under_way: canaries that are not decided.
SELECT id, grp, digest, release, note, published_by, first_groups, stores, began_at, until, taken
FROM rollout WHERE state = 'canary' ORDER BY id FOR UPDATE SKIP LOCKED;

-- of_group: the canary of a group that is not decided.
SELECT id, grp, digest, release, note, published_by, first_groups, stores, began_at, until, taken
FROM rollout WHERE state = 'canary' AND grp = %(grp)s FOR UPDATE;

-- taken: since when its stores have it.
UPDATE rollout SET taken = %(taken)s WHERE id = %(id)s;

-- end_rollout: how it went.
UPDATE rollout SET state = %(state)s, ended_at = %(now)s, why = %(why)s WHERE id = %(id)s AND state = 'canary';

-- rollouts: the newest first.
SELECT grp, published_by, stores, began_at, until, taken, state, ended_at, why FROM rollout ORDER BY id DESC LIMIT 20;

-- told: of messages to customers that these stores made within a time, which begins for each at its own: how many are decided, and how many of them did not reach anybody, also
-- for want of an address by the ways of their route. Who wants none is neither. A store's clock is put right by what it said it was when
-- headquarters heard it last.
SELECT count(*) FILTER (WHERE state IN ('sent', 'delivered') OR reached_nobody), count(*) FILTER (WHERE reached_nobody)
FROM (
    SELECT store, begins, (extract(epoch FROM arrived) * 1000)::bigint - at AS behind
    FROM unnest(%(stores)s::text[], %(begins)s::bigint[]) AS t (store, begins) JOIN health USING (store)
) AS h JOIN message AS m USING (store)
CROSS JOIN LATERAL (SELECT state IN ('failed', 'expired', 'unknown') OR (state = 'suppressed' AND reason_code IN ('no_address', 'bad_address'))
    OR (state = 'queued' AND due_at < %(overdue)s - behind) AS reached_nobody) AS w
WHERE created_at >= begins - behind AND created_at < %(to_ms)s - behind AND recipient = 'customer';

-- tried_by: the canary, not decided, of which these groups or stores are a part. So is what is nearer to its stores than the group by which they
-- have it: each by itself, and before the group canary its region.
SELECT r.grp FROM rollout AS r WHERE r.state = 'canary' AND (
    r.first_groups && %(groups)s::text[] OR r.stores && %(groups)s::text[] OR r.stores && %(stores)s::text[]
    OR ('canary' = ANY(r.first_groups) AND EXISTS (SELECT 1 FROM store AS s WHERE s.name = ANY(r.stores) AND s.grp = ANY(%(groups)s::text[])))
) LIMIT 1;

-- first_words: what stores call a bundle that they try, unless something else was published to them since.
SELECT grp || '/' || version FROM (
    SELECT DISTINCT ON (grp) grp, version, digest FROM bundle WHERE grp = ANY(%(groups)s) ORDER BY grp, version DESC
) AS b WHERE digest = %(digest)s;
