-- add: who may ask the API.
INSERT INTO token (name, digest, scopes) VALUES (%(name)s, %(digest)s, %(scopes)s);

-- by_digest: whose it is, and what they may.
SELECT name, scopes, created_at FROM token WHERE digest = %(digest)s;

-- all: everybody who may ask.
SELECT name, scopes, created_at FROM token ORDER BY name;

-- revoke: from now on it is none.
DELETE FROM token WHERE name = %(name)s RETURNING name;
