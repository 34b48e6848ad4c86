-- joined: whether that store, of the fleet, joined as far as this database knows.
SELECT joined_at IS NOT NULL FROM store WHERE name = %(store)s AND revoked_at IS NULL
    AND (joined_at IS NOT NULL OR EXISTS (SELECT 1 FROM health WHERE health.store = name));

-- lock: one gives at a time.
SELECT pg_advisory_xact_lock(7411040);

-- give: a command to a store. Its number is the second, or the next one: stores and their records know those that an older copy of this
-- database lacks.
INSERT INTO command (id, store, what, channel, reason, given_by, given_at, expires_at) OVERRIDING SYSTEM VALUE
SELECT greatest(extract(epoch FROM %(now)s::timestamptz)::bigint, coalesce(max(id), 0) + 1), %(store)s, %(what)s, %(channel)s, %(reason)s, %(by)s,
    %(now)s, %(until)s
FROM command RETURNING id;

-- waiting: what these stores are to do, and have not answered.
SELECT c.id, c.store, c.what, c.channel, c.reason, c.given_by, c.expires_at FROM command AS c
WHERE c.store = ANY(%(stores)s) AND c.expires_at > %(now)s
    AND NOT EXISTS (
        SELECT 1 FROM audit AS a
        WHERE a.store = c.store AND a.kind IN ('command.done', 'command.refused') AND substring(a.detail FROM '[{,]"id":([0-9]{1,18})[,}]')::bigint = c.id
    )
ORDER BY c.id;

-- listed: commands and their answers, the newest first.
SELECT c.id, c.store, c.what, c.channel, c.reason, c.given_by, c.given_at, c.expires_at, a.kind, a.detail, a.arrived
FROM command AS c
LEFT JOIN LATERAL (
    SELECT kind, detail, arrived FROM audit
    WHERE store = c.store AND kind IN ('command.done', 'command.refused') AND substring(detail FROM '[{,]"id":([0-9]{1,18})[,}]')::bigint = c.id LIMIT 1
) AS a ON true
WHERE (%(store)s::text IS NULL OR c.store = %(store)s) ORDER BY c.id DESC LIMIT 100;
