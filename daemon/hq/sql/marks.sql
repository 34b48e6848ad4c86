-- marks: all that a mark tells, of these stores; of a store that begins epoch after epoch the newest, so that its mark can still be told.
-- For one that was revoked no key is sealed any more.
SELECT s.name, s.again, CASE WHEN s.revoked_at IS NULL THEN s.sealing ELSE '' END, c.epoch, c.head_seq, c.head_hash, c.rev, s.claim, b.versions
FROM store AS s
LEFT JOIN LATERAL (SELECT * FROM chain WHERE chain.store = s.name ORDER BY n DESC LIMIT 50) AS c ON true
LEFT JOIN LATERAL (
    SELECT json_object_agg(g.grp, g.version) AS versions FROM (
        SELECT grp, max(version) AS version FROM bundle
        WHERE grp IN (s.name, s.grp, CASE WHEN s.canary THEN 'canary' END, 'all') AND sent_at IS NOT NULL GROUP BY grp
    ) AS g
) AS b ON true
WHERE s.name = ANY(%(names)s) ORDER BY s.name, c.n;

-- all_stores: whoever may want a mark.
SELECT name FROM store ORDER BY name;

-- news: what all stores may have to hear of, beside how far they are archived.
SELECT coalesce((SELECT max(version) FROM bundle WHERE sent_at IS NOT NULL), 0), coalesce((SELECT max(id) FROM command), 0),
    coalesce((SELECT sum(hashtext(claim)) FROM store), 0);
