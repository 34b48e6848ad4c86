-- newest: the end of headquarters' own record.
SELECT epoch, seq, hash FROM hq_record ORDER BY seq DESC LIMIT 1;

-- add: one more entry.
INSERT INTO hq_record (seq, epoch, at, kind, actor, order_ref, message_id, detail, hash)
VALUES (%(seq)s, %(epoch)s, %(at)s, %(kind)s, %(actor)s, %(order_ref)s, %(message_id)s, %(detail)s, %(hash)s);

-- slice: the record in its order, for computing its chain anew.
SELECT seq, epoch, at, kind, actor, order_ref, message_id, detail, hash FROM hq_record WHERE seq > %(after)s ORDER BY seq LIMIT %(limit)s;

-- latest: what was done last, the newest first.
SELECT seq, epoch, at, kind, actor, order_ref, message_id, detail, hash FROM hq_record WHERE seq < %(below)s ORDER BY seq DESC LIMIT %(limit)s;
