-- say: a word on consent.
INSERT INTO consent (at, medium, digest, stopped, actor, reason, address)
VALUES (:at, :medium, :digest, :stopped, :actor, :reason, :address);

-- words: every word on consent of an address, the newest last.
SELECT medium, stopped, reason, at FROM consent WHERE digest = :digest ORDER BY seq;

-- standing: the opt-outs that no later word took back, the newest first.
SELECT c.seq, c.medium, c.address, c.reason, c.actor, c.at
FROM consent AS c
WHERE c.seq < :below AND c.stopped = 1
    AND NOT EXISTS (SELECT 1 FROM consent AS l WHERE l.digest = c.digest AND l.seq > c.seq AND l.medium IN (c.medium, 'all'))
ORDER BY c.seq DESC LIMIT :limit;

-- one_standing: one opt-out, if no later word took it back.
SELECT c.medium, c.address, c.reason, c.actor, c.at, c.digest
FROM consent AS c
WHERE c.seq = :seq AND c.stopped = 1
    AND NOT EXISTS (SELECT 1 FROM consent AS l WHERE l.digest = c.digest AND l.seq > c.seq AND l.medium IN (c.medium, 'all'));

-- pseudonym: the name under which an address stands in the record.
SELECT digest, name FROM pseudonym WHERE digest = :digest;
