-- taken: whether a name is in use.
SELECT 1 FROM token WHERE name = :name;

-- create: a new token.
INSERT INTO token (name, digest, scopes, created_at) VALUES (:name, :digest, :scopes, :at);

-- revoke: it opens nothing any more.
DELETE FROM token WHERE name = :name;

-- all: every token.
SELECT name, digest, scopes, created_at FROM token;
