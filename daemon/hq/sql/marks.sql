-- marks: all that a mark tells, of these stores.
SELECT s.name, s.again, s.sealing, c.epoch, c.head_seq, c.head_hash, c.rev
FROM store AS s LEFT JOIN chain AS c ON c.store = s.name
WHERE s.name = ANY(%(names)s) ORDER BY s.name, c.n;

-- all_stores: whoever may want a mark.
SELECT name FROM store ORDER BY name;
