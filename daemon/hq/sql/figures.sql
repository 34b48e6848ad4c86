-- weeks: per store and week, how messages to customers fared. A message planned for later counts from when it was due; one that was tried
-- again, from when it was made. `told_at` is when its last attempt was taken: of one that then did not arrive, too.
SELECT store, to_char(date_trunc('week', to_timestamp(created_at / 1000.0) AT TIME ZONE %(zone)s), 'YYYY-MM-DD') AS week,
    count(*), count(*) FILTER (WHERE state IN ('sent', 'delivered')),
    count(*) FILTER (WHERE state IN ('failed', 'expired', 'unknown')), count(*) FILTER (WHERE state = 'suppressed'),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY took), percentile_cont(0.9) WITHIN GROUP (ORDER BY took),
    coalesce(sum(parts), 0), coalesce(sum(price::numeric), 0)
FROM (
    SELECT store, created_at, state, parts, price,
        CASE WHEN told_at IS NOT NULL AND state IN ('sent', 'delivered') THEN
            greatest(told_at - CASE WHEN attempts <= 1 THEN greatest(due_at, created_at) ELSE created_at END, 0) / 1000.0
        END AS took
    FROM message
    WHERE recipient = 'customer' AND created_at >= %(from_ms)s AND created_at < %(to_ms)s
        AND (%(stores)s::text[] IS NULL OR store = ANY(%(stores)s))
) AS m
GROUP BY store, week ORDER BY week DESC, store;

-- ways: by which way they were told.
SELECT store, channel, count(*), coalesce(sum(parts), 0), coalesce(sum(price::numeric), 0)
FROM message
WHERE recipient = 'customer' AND created_at >= %(from_ms)s AND created_at < %(to_ms)s AND state IN ('sent', 'delivered')
    AND (%(stores)s::text[] IS NULL OR store = ANY(%(stores)s))
GROUP BY store, channel ORDER BY store, count(*) DESC LIMIT 20000;

-- whys: why others were not.
SELECT store, state, reason_code, count(*)
FROM message
WHERE recipient = 'customer' AND created_at >= %(from_ms)s AND created_at < %(to_ms)s AND state IN ('failed', 'expired', 'unknown', 'suppressed')
    AND (%(stores)s::text[] IS NULL OR store = ANY(%(stores)s))
GROUP BY store, state, reason_code ORDER BY store, count(*) DESC LIMIT 20000;

-- currencies: in what each store counts money.
SELECT store, coalesce(body ->> 'currency', '') FROM health;

-- made: when each was counted.
SELECT week, made_at FROM figures WHERE zone = %(zone)s;

-- due: days of which something came since.
SELECT day, change FROM figures_due;

-- begin_week: a week is counted by whoever holds its row until the commit.
INSERT INTO figures (week, zone, made_at) VALUES (%(week)s, %(zone)s, %(now)s)
ON CONFLICT (week) DO UPDATE SET zone = excluded.zone, made_at = excluded.made_at;

-- drop_weeks: what was counted of it before.
DELETE FROM figures_week WHERE week = %(week)s;

-- drop_ways: the same.
DELETE FROM figures_way WHERE week = %(week)s;

-- drop_whys: the same.
DELETE FROM figures_why WHERE week = %(week)s;

-- add_up: a week of all stores.
UPDATE figures SET (messages, untold) = (SELECT coalesce(sum(w.messages), 0), coalesce(sum(w.untold), 0) FROM figures_week AS w WHERE w.week = %(week)s)
WHERE week = %(week)s;

-- keep_week: a store's week.
INSERT INTO figures_week (week, store, messages, told, untold, silenced, half_within, most_within, parts, cost)
VALUES (%(week)s, %(store)s, %(messages)s, %(told)s, %(untold)s, %(silenced)s, %(half_within)s, %(most_within)s, %(parts)s, %(cost)s);

-- keep_way: by which way they were told in a week.
INSERT INTO figures_way (week, store, channel, told, parts, cost) VALUES (%(week)s, %(store)s, %(channel)s, %(told)s, %(parts)s, %(cost)s);

-- keep_why: why others were not.
INSERT INTO figures_why (week, store, state, reason_code, messages) VALUES (%(week)s, %(store)s, %(state)s, %(reason_code)s, %(messages)s);

-- kept_weeks: what was counted, the newest first. Weeks from the first to the last, but for those that are not counted yet.
SELECT store, week, messages, told, untold, silenced, half_within, most_within, parts, cost FROM figures_week
WHERE week BETWEEN %(first)s AND %(last)s AND week <> ALL(%(uncounted)s::text[])
    AND (%(stores)s::text[] IS NULL OR store = ANY(%(stores)s)) ORDER BY week DESC, store LIMIT %(limit)s;

-- kept_ways: the ways of all these weeks.
SELECT store, channel, sum(told), sum(parts), sum(cost) FROM figures_way
WHERE week BETWEEN %(first)s AND %(last)s AND week <> ALL(%(uncounted)s::text[])
    AND (%(stores)s::text[] IS NULL OR store = ANY(%(stores)s))
GROUP BY store, channel ORDER BY store, sum(told) DESC, channel LIMIT %(limit)s;

-- kept_whys: why not, in all these weeks.
SELECT store, state, reason_code, sum(messages) FROM figures_why
WHERE week BETWEEN %(first)s AND %(last)s AND week <> ALL(%(uncounted)s::text[])
    AND (%(stores)s::text[] IS NULL OR store = ANY(%(stores)s))
GROUP BY store, state, reason_code ORDER BY store, sum(messages) DESC, state, reason_code LIMIT %(limit)s;

-- shares: of each of these weeks, the messages and how many reached nobody, the oldest first. Of all stores it was added up before.
SELECT week, messages, untold FROM figures
WHERE %(stores)s::text[] IS NULL AND week BETWEEN %(first)s AND %(last)s AND week <> ALL(%(uncounted)s::text[]) AND messages > 0
UNION ALL
SELECT week, sum(messages), sum(untold) FROM figures_week
WHERE store = ANY(%(stores)s::text[]) AND week BETWEEN %(first)s AND %(last)s AND week <> ALL(%(uncounted)s::text[]) GROUP BY week
ORDER BY week;

-- done: days that were counted, unless something came meanwhile.
DELETE FROM figures_due USING unnest(%(days)s::bigint[], %(changes)s::bigint[]) AS seen (day, change)
WHERE figures_due.day = seen.day AND figures_due.change = seen.change;

-- changed: days of which messages come in this transaction.
INSERT INTO figures_due (day, change) SELECT unnest(%(days)s::bigint[]), pg_current_xact_id()::text::bigint
ON CONFLICT (day) DO UPDATE SET change = excluded.change;
