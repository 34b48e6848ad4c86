-- secrets: the key of the digests: locked up with its check value, or open as earlier releases had it ('digest').
SELECT name, value FROM secret WHERE name IN ('digest', 'digest_locked', 'digest_check');

-- keep_key: locked up, or by what it is checked.
INSERT OR REPLACE INTO secret (name, value) VALUES (:name, :value);

-- drop_open_key: it is locked up now.
DELETE FROM secret WHERE name = 'digest';

-- any_digest: whether something can be found by its digest only.
SELECT EXISTS (SELECT 1 FROM consent);

-- truncate_wal: bring the log into the database and empty it.
PRAGMA wal_checkpoint(TRUNCATE);

-- plain_consents: words on consent that still name their address.
SELECT seq, address FROM consent WHERE address <> '';

-- digest_again: under a new key.
UPDATE consent SET digest = :digest WHERE seq = :seq;

-- told_gone: a word of ours that the fleet was told and that is gone is none any more: its number is given to another.
UPDATE fleet_consent SET local = '', said = 0, told = 0 WHERE said > 0 AND NOT EXISTS (SELECT 1 FROM consent AS c WHERE c.seq = said);

-- told_again: what the fleet was told is found by the digest of the word that was told.
UPDATE fleet_consent SET local = (SELECT c.digest FROM consent AS c WHERE c.seq = said) WHERE said > 0;

-- mute: opt-outs of people whom nothing names any more.
SELECT count(*) FROM consent AS c WHERE c.address = '' AND c.stopped = 1
    AND NOT EXISTS (SELECT 1 FROM consent AS l WHERE l.digest = c.digest AND l.seq > c.seq AND l.medium IN (c.medium, 'all'));

-- drop_mute: nobody can be found by them.
DELETE FROM consent WHERE address = '';

-- drop_locked_key: nobody can open it any more.
DELETE FROM secret WHERE name IN ('digest_locked', 'digest_check');

-- drop_people: whose replies and bodies are is found out anew.
DELETE FROM person;

-- drop_pseudonyms: the record names everybody anew from here on.
DELETE FROM pseudonym;

-- drop_forgotten: they can't be told any more.
DELETE FROM forgotten;

-- drop_notes: what was noted by digest, and how far the index had come.
DELETE FROM note WHERE key LIKE 'first_sms.%' OR key LIKE 'answered.%' OR key = 'people.indexed';
