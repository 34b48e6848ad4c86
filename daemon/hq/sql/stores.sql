-- all: every store of the fleet, with its health's arrival and how far it is archived.
SELECT s.name, s.grp, s.joined_at, s.revoked_at, h.arrived
FROM store AS s LEFT JOIN health AS h ON h.store = s.name ORDER BY s.name;

-- offer: a join code for a store, known before or not; an earlier code of it is void.
INSERT INTO store (name, grp, canary, code, code_until)
VALUES (%(name)s, coalesce(%(grp)s::text, ''), coalesce(%(canary)s::boolean, false), %(code)s, %(until)s)
ON CONFLICT (name) DO UPDATE SET code = excluded.code, code_until = excluded.code_until, code_used_at = NULL,
    grp = coalesce(%(grp)s::text, store.grp), canary = coalesce(%(canary)s::boolean, store.canary);

-- by_code: whose code it is.
SELECT name, grp, canary, key, code_until, code_used_at, claim FROM store WHERE code = %(code)s FOR UPDATE;

-- join: a store's key is this one from now on.
UPDATE store SET key = %(key)s, sealing = %(sealing)s, claim = %(claim)s, joined_at = %(now)s, revoked_at = NULL, code_used_at = %(now)s
WHERE name = %(name)s;

-- one: a store, since when it is out (of an older copy of this database only its key is known to be), whether it was ever heard, and whether it
-- is such a copy: its key is out, and the store is not.
SELECT name, grp, key, coalesce(revoked_at, (SELECT at FROM revoked WHERE revoked.key = store.key)), canary, claim, EXISTS (SELECT 1 FROM health WHERE health.store = name),
    revoked_at IS NULL AND EXISTS (SELECT 1 FROM revoked WHERE revoked.key = store.key)
FROM store WHERE name = %(name)s FOR UPDATE;

-- regroup: a store's groups, and the word on them.
UPDATE store SET grp = %(grp)s, canary = %(canary)s, claim = %(claim)s WHERE name = %(name)s;

-- claimed: stores that may come in, and the word on what they may do.
SELECT name, grp, canary, key, claim FROM store WHERE key <> '' AND revoked_at IS NULL AND key NOT IN (SELECT key FROM revoked) FOR UPDATE;

-- revoke: a store's key does not count any more.
UPDATE store SET revoked_at = %(now)s, code = NULL, code_until = NULL WHERE name = %(name)s;

-- note_revoked: for good.
INSERT INTO revoked (key, store, at) VALUES (%(key)s, %(name)s, %(now)s) ON CONFLICT (key) DO UPDATE SET at = excluded.at;

-- had_other_keys: a row where keys of that store do not count any more.
SELECT 1 FROM revoked WHERE store = %(name)s LIMIT 1;

-- keep_revoked: what NATS knows and an older copy of this database does not.
INSERT INTO revoked (key, store, at)
VALUES (%(key)s, coalesce((SELECT name FROM store WHERE key = %(key)s LIMIT 1), ''), to_timestamp(%(at)s))
ON CONFLICT (key) DO UPDATE SET at = greatest(revoked.at, excluded.at);

-- lock: one at a time tells NATS which keys do not count, and what it tells is the newest.
SELECT pg_advisory_xact_lock(7411041);

-- revoked: all keys that do not count, and since when in seconds.
SELECT key, ceil(extract(epoch FROM at))::bigint FROM revoked;
