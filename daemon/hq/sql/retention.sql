-- forget_persons: what leads to a person goes from messages of which nothing was heard since, the oldest first. Figures need none of it.
UPDATE message SET who = '{}', address = '' WHERE (store, id) IN (
    SELECT store, id FROM message WHERE (who <> '{}' OR address <> '') AND arrived < %(before)s ORDER BY arrived LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
);
