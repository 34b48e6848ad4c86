-- refs: the orders of a person, by an address of theirs.
SELECT o.ref FROM orders AS o WHERE o.seq IN (SELECT order_seq FROM contact WHERE address = :address)
UNION
SELECT ref FROM orders WHERE lower(body ->> '{order.customer}.email') = :address
ORDER BY 1;

-- consent: every word on consent that is kept for an address.
SELECT at, medium, stopped, actor, reason FROM consent WHERE digest = :digest ORDER BY seq;

-- replies: what came from an address and belongs to no order.
SELECT at, channel, text FROM reply WHERE lower(address) = :address AND order_ref IS NULL ORDER BY seq;
