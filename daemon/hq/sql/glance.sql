-- stores: every store and all that is wrong with it, in one look. `lately`: since when customers who were not told, and forks, still call for somebody.
-- What a store brings along from before it joined counts by its own clock.
SELECT s.name, s.grp, s.joined_at, s.revoked_at, h.arrived, u.n, u.since, f.n, f.since, g.since, t.kinds, t.abouts, t.sinces
FROM store AS s
LEFT JOIN health AS h ON h.store = s.name
LEFT JOIN LATERAL (
    SELECT count(*) AS n, min(arrived) AS since FROM message
    WHERE store = s.name AND state IN ('failed', 'expired', 'unknown') AND recipient = 'customer' AND arrived > %(lately)s
        AND updated_at >= 1000 * extract(epoch FROM least(s.joined_at, %(lately)s))
) AS u ON true
LEFT JOIN (SELECT store, count(*) AS n, min(first_seen) AS since FROM open_fork WHERE last_seen > %(lately)s GROUP BY store) AS f ON f.store = s.name
LEFT JOIN (
    SELECT store, min(seen_at) AS since FROM gap WHERE closed_at IS NULL AND why <> 'not kept at the store' GROUP BY store
) AS g ON g.store = s.name
LEFT JOIN (
    SELECT store, array_agg(kind) AS kinds, array_agg(about) AS abouts, array_agg(since) AS sinces FROM trouble WHERE ended IS NULL GROUP BY store
) AS t ON t.store = s.name
WHERE (%(mine)s::text[] IS NULL OR s.name = ANY(%(mine)s)) ORDER BY s.name;
