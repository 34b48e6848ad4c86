-- consent: every word on consent that is kept for these addresses.
SELECT at, medium, stopped, actor, reason FROM consent WHERE digest IN (SELECT value FROM json_each(:digests)) ORDER BY seq;

-- quarantined: bodies of theirs that nobody understood.
SELECT at, source, body FROM quarantine WHERE seq IN (SELECT value FROM json_each(:bodies)) AND length(body) > 0 ORDER BY seq;

-- events_below: the next events of which the index may know nothing, the newest first.
SELECT seq, order_seq, raw FROM event WHERE seq < :below ORDER BY seq DESC LIMIT :limit;

-- replies_below: likewise.
SELECT seq, address FROM reply WHERE seq < :below AND address <> '' ORDER BY seq DESC LIMIT :limit;

-- bodies_below: likewise.
SELECT seq, body FROM quarantine WHERE seq < :below AND length(body) > 0 ORDER BY seq DESC LIMIT :limit;

-- noted: how far the index has come for what was there before it.
SELECT value FROM note WHERE key = 'people.indexed';

-- note: it has come so far.
INSERT OR REPLACE INTO note (key, value) VALUES ('people.indexed', :value);
