-- things_of: what else is kept under these addresses; what may be anybody's ('') is theirs too.
SELECT DISTINCT seq FROM person WHERE digest IN (SELECT value FROM json_each(:digests) UNION ALL SELECT '') AND what = :what;

-- bodies_naming: bodies that nobody understood and that name one of these addresses.
SELECT DISTINCT seq FROM person WHERE digest IN (SELECT value FROM json_each(:digests)) AND what = 'quarantine';

-- replies_of: of these replies, and of what was written about these orders: the number, the order, and the addresses that it is kept under.
SELECT r.seq, o.seq, (SELECT json_group_array(p.digest) FROM person AS p WHERE p.what = 'reply' AND p.seq = r.seq)
FROM reply AS r LEFT JOIN orders AS o ON o.ref = r.order_ref
WHERE r.seq IN (SELECT value FROM json_each(:replies))
    OR r.order_ref IN (SELECT w.ref FROM json_each(:orders) AS l CROSS JOIN orders AS w ON w.seq = l.value)
ORDER BY r.seq;

-- order: its number, and what is known of it.
SELECT ref, CAST(body AS TEXT) FROM orders WHERE seq = :order;

-- sent_of: an order's messages, and where they were to go.
SELECT seq, event_seq, trigger, CAST(body AS TEXT) ->> '{message_body.audience}', tries, CAST(addresses AS TEXT)
FROM message WHERE order_seq = :order;

-- attempts_of: where attempts of these messages went.
WITH RECURSIVE tried (seq) AS (
    SELECT m.last_attempt FROM json_each(:messages) AS w CROSS JOIN message AS m ON m.seq = w.value WHERE m.last_attempt > 0
    UNION ALL
    SELECT a.earlier FROM tried AS t CROSS JOIN attempt AS a ON a.seq = t.seq WHERE a.earlier > 0
)
SELECT a.seq, a.message_seq, a.address FROM tried AS t CROSS JOIN attempt AS a ON a.seq = t.seq WHERE a.address <> '';

-- optouts_of: how many of their words on consent name them in plain.
SELECT count(*) FROM json_each(:digests) AS w CROSS JOIN consent AS c ON c.digest = w.value WHERE c.address <> '';

-- open_of: what is open of these orders, as one JSON array.
SELECT '[' || group_concat(r.row) || ']'
FROM json_each(:rows) AS w CROSS JOIN message AS m ON m.order_seq = w.value AND m.open = 1
CROSS JOIN message_row AS r ON r.seq = m.seq;

-- names_of: the names under which these addresses stand in the record.
SELECT p.name FROM json_each(:digests) AS w CROSS JOIN pseudonym AS p ON p.digest = w.value;

-- messages_of: these messages, with their orders.
SELECT m.id, o.ref FROM json_each(:touched) AS w CROSS JOIN message AS m ON m.seq = w.value CROSS JOIN orders AS o ON o.seq = m.order_seq;

-- forget_attempts: where they went, what they said, and providers' words and ids, which may hold a number.
UPDATE attempt SET address = '', sent = NULL, detail = '', receipt_detail = '', provider_id = '', poll_at = NULL
WHERE message_seq IN (SELECT value FROM json_each(:messages)) OR seq IN (SELECT value FROM json_each(:attempts));

-- forget_messages: the addresses and the words of staff, of providers and of themselves.
UPDATE message SET addresses = CAST('{}' AS BLOB), reason = CASE WHEN reason = '' THEN '' ELSE 'the person is forgotten' END,
    reason_code = CASE WHEN reason = '' THEN '' ELSE 'forgotten' END, reason_args = '',
    body = CAST(json_set(CAST(body AS TEXT), '{message_body.text}', NULL, '{message_body.subject}', NULL) AS BLOB)
WHERE seq IN (SELECT value FROM json_each(:messages));

-- lessen_message: where it may still go.
UPDATE message SET addresses = :addresses WHERE seq = :seq;

-- forget_events: what was told.
UPDATE event SET raw = x'' WHERE seq IN (SELECT value FROM json_each(:events));

-- forget_replies: what they wrote. The same reply posted again by its provider is still known, by the digest of its id.
UPDATE reply SET address = '', text = '',
    provider_id = CASE WHEN length(provider_id) = 32 AND provider_id NOT GLOB '*[^0-9a-f]*' THEN provider_id ELSE '' END
WHERE seq IN (SELECT value FROM json_each(:replies));

-- forget_consent: their address and their words; what they wanted holds by its digest.
UPDATE consent SET address = '', reason = 'asked for silence' WHERE digest IN (SELECT value FROM json_each(:digests));

-- rekey_consent: what is history (older than every opt-out that stands) is found by nobody any more.
UPDATE consent SET digest = :fresh WHERE digest = :digest AND seq < coalesce((
    SELECT min(c.seq) FROM consent AS c WHERE c.digest = :digest AND c.stopped = 1
        AND NOT EXISTS (SELECT 1 FROM consent AS l WHERE l.digest = c.digest AND l.seq > c.seq AND l.medium IN (c.medium, 'all'))
), 9223372036854775807);

-- forget_shared: what the fleet knows of them leads to our digest only where an opt-out stands, which has to find it.
UPDATE fleet_consent SET local = '' WHERE local = :digest AND local <> '' AND NOT EXISTS (SELECT 1 FROM consent WHERE digest = :digest);

-- forget_aliases: what payment providers and tills call these orders, and those others that had the number of one that stays.
DELETE FROM alias WHERE ref IN (SELECT o.ref FROM json_each(:emptied) AS w CROSS JOIN orders AS o ON o.seq = w.value)
    OR (ref, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(:names));

-- forget_orders: who they are, and what was made for them.
UPDATE orders SET body = CAST(json_set(CAST(body AS TEXT), '{order.items}', json('[]'), '{order.note}', NULL, '{order.customer}', json('{}'), '{order.url}', NULL) AS BLOB)
WHERE seq IN (SELECT value FROM json_each(:orders));

-- lessen_order: for somebody else, without an address of theirs.
UPDATE orders SET body = :body WHERE ref = :ref;

-- forget_quarantine: bodies in which an address of theirs stands.
DELETE FROM quarantine WHERE seq IN (SELECT value FROM json_each(:bodies));

-- forget_index: under which addresses they were kept.
DELETE FROM person WHERE (what = 'reply' AND seq IN (SELECT value FROM json_each(:replies)))
    OR (what = 'quarantine' AND seq IN (SELECT value FROM json_each(:bodies)));

-- forget_notes: what was noted by an address.
DELETE FROM note WHERE substr(key, -32) IN (SELECT value FROM json_each(:digests));

-- forget_pseudonyms: what the record calls them leads to nobody from here on.
DELETE FROM pseudonym WHERE digest IN (SELECT value FROM json_each(:digests));

-- remember_forgetting: to be forgotten again in what a copy from before brings back.
INSERT OR REPLACE INTO forgotten (digest, at, kind, given) SELECT value ->> 0, :at, value ->> 1, value ->> 2 FROM json_each(:forgotten);

-- early_receipts: receipts that no attempt is known for yet.
SELECT channel, provider_id, detail || ifnull(' ' || silence, '') FROM early_receipt;

-- drop_early_receipt: it names somebody who is forgotten.
DELETE FROM early_receipt WHERE channel = :channel AND provider_id = :provider_id;

-- forgotten: who was forgotten, and when.
SELECT digest, at, kind, given FROM forgotten ORDER BY at;

-- drop_forgotten: no copy from before is left.
DELETE FROM forgotten WHERE at < :before;
