-- Whose an order is costs one row at the end of a table, and no longer a place among all digests for each of its addresses: these lie at
-- random, and each was a page written with every order. The index by digest is made for whole parts of 512 orders at once, in its own order;
-- what came since the last whole part is looked through.

CREATE TABLE order_people (
    order_seq INTEGER PRIMARY KEY,
    -- The digests of its addresses, 16 bytes each, one after the other.
    digests BLOB NOT NULL CHECK (length(digests) > 0 AND length(digests) % 16 = 0)
) STRICT;
INSERT INTO order_people (order_seq, digests)
SELECT seq, unhex(group_concat(digest, '')) FROM person
WHERE what = 'order' AND length(digest) = 32 AND digest NOT GLOB '*[^0-9a-f]*' AND seq IN (SELECT seq FROM orders) GROUP BY seq;

CREATE TABLE person_order (
    -- order_seq / 512
    part INTEGER NOT NULL,
    digest BLOB NOT NULL,
    order_seq INTEGER NOT NULL,
    PRIMARY KEY (part, digest, order_seq)
) STRICT, WITHOUT ROWID;
WITH RECURSIVE each (order_seq, digests, at) AS (
    SELECT order_seq, digests, 1 FROM order_people WHERE order_seq / 512 < (SELECT max(seq) FROM orders) / 512
    UNION ALL
    SELECT order_seq, digests, at + 16 FROM each WHERE at + 16 <= length(digests)
)
INSERT OR IGNORE INTO person_order (part, digest, order_seq)
SELECT order_seq / 512, substr(digests, at, 16), order_seq FROM each ORDER BY 1, 2, 3;

DROP TRIGGER order_gone;
DROP TRIGGER reply_gone;
DROP TRIGGER quarantine_gone;
ALTER TABLE person RENAME TO person_before;
DROP INDEX person_of;
CREATE TABLE person (
    digest TEXT NOT NULL,
    what TEXT NOT NULL CHECK (what IN ('reply', 'quarantine')),
    seq INTEGER NOT NULL,
    PRIMARY KEY (digest, what, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO person (digest, what, seq) SELECT digest, what, seq FROM person_before WHERE what <> 'order';
DROP TABLE person_before;
CREATE INDEX person_of ON person (what, seq);

-- What is gone is nobody's: its number may be given out again.
CREATE TRIGGER order_gone AFTER DELETE ON orders BEGIN
    DELETE FROM order_people WHERE order_seq = old.seq;
END;
CREATE TRIGGER order_people_gone AFTER DELETE ON order_people BEGIN
    DELETE FROM person_order WHERE part = old.order_seq / 512 AND order_seq = old.order_seq;
END;
CREATE TRIGGER reply_gone AFTER DELETE ON reply BEGIN
    DELETE FROM person WHERE what = 'reply' AND seq = old.seq;
END;
CREATE TRIGGER quarantine_gone AFTER DELETE ON quarantine BEGIN
    DELETE FROM person WHERE what = 'quarantine' AND seq = old.seq;
END;

PRAGMA user_version = 25;
