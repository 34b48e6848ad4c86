-- taken: whether a name is in use.
SELECT 1 FROM token WHERE name = :name;

-- create: a new token.
INSERT INTO token (name, digest, scopes, types, own_orders, own_words, created_at)
VALUES (:name, :digest, :scopes, :types, :own_orders, :own_words, :at);

-- revoke: it opens nothing any more.
DELETE FROM token WHERE name = :name;

-- all: every token.
SELECT name, digest, scopes, types, own_orders, own_words, created_at FROM token;
