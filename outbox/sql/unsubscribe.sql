-- orders_of: what is known of the newest orders of an address: one of them names it in plain.
SELECT CAST(o.body AS TEXT) FROM person AS p CROSS JOIN orders AS o ON o.seq = p.seq
WHERE p.digest = :digest AND p.what = 'order' ORDER BY p.seq DESC LIMIT 5;
