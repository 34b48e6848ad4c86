-- get: the order that a source knows by an id.
SELECT ref FROM alias WHERE source = :source AND id = :id;

-- set: from now on it is this one; the same again writes nothing.
INSERT INTO alias (source, id, ref, at) VALUES (:source, :id, :ref, :at)
ON CONFLICT (source, id) DO UPDATE SET ref = excluded.ref, at = excluded.at WHERE ref <> excluded.ref;
