-- put_user: who may see the page; somebody of that name is another from now on.
INSERT INTO hq_user (name, role, password, stores) VALUES (%(name)s, %(role)s, %(password)s, %(stores)s)
ON CONFLICT (name) DO UPDATE SET role = excluded.role, password = excluded.password, stores = excluded.stores;

-- users: all who may.
SELECT name, role, stores, added_at FROM hq_user ORDER BY name;

-- remove_user: somebody who may no more; their sessions go with them.
DELETE FROM hq_user WHERE name = %(name)s RETURNING name;

-- unknown_stores: of these, those that are not in the fleet.
SELECT name FROM unnest(%(stores)s::text[]) AS w (name) WHERE NOT EXISTS (SELECT 1 FROM store WHERE store.name = w.name);

-- user: somebody who may log in.
SELECT name, role, stores, password FROM hq_user WHERE name = %(name)s;

-- user_for_now: the same, and nobody changes them before this is committed.
SELECT name, role, stores, password FROM hq_user WHERE name = %(name)s FOR SHARE;

-- begin: somebody is logged in.
INSERT INTO hq_session (digest, name, began, seen) VALUES (%(digest)s, %(name)s, %(now)s, %(now)s);

-- find: whose session it is, while it is good.
SELECT u.name, u.role, u.stores, s.seen FROM hq_session AS s JOIN hq_user AS u ON u.name = s.name
WHERE s.digest = %(digest)s AND s.seen > %(idle)s AND s.began > %(oldest)s AND s.began <= %(ahead)s;

-- touch: it was used just now.
UPDATE hq_session SET seen = %(now)s WHERE digest = %(digest)s;

-- end: it is over.
DELETE FROM hq_session WHERE digest = %(digest)s;

-- end_all: all of somebody's are over.
DELETE FROM hq_session WHERE name = %(name)s;

-- sweep: those that nobody may use any more.
DELETE FROM hq_session WHERE seen <= %(idle)s OR began <= %(oldest)s OR began > %(ahead)s;

-- tried: a log-in was tried; what lies further back counts no more.
INSERT INTO hq_failure (key, times, since) VALUES (%(key)s, 1, %(now)s)
ON CONFLICT (key) DO UPDATE SET times = CASE WHEN hq_failure.since > %(oldest)s THEN hq_failure.times + 1 ELSE 1 END,
    since = CASE WHEN hq_failure.since > %(oldest)s THEN hq_failure.since ELSE excluded.since END
RETURNING times;

-- forgive: one that worked is no failure, and ends the count of its name.
UPDATE hq_failure SET times = CASE WHEN key = %(name)s THEN 0 ELSE greatest(times - 1, 0) END WHERE key IN (%(name)s, %(place)s);

-- forget: failures that count no more, and those by a clock that was ahead.
DELETE FROM hq_failure WHERE since <= %(oldest)s OR since > %(ahead)s;
