-- body_of: with which body it came before.
SELECT body FROM used_once WHERE key = :key;

-- use: it was shown; the first body counts.
INSERT OR IGNORE INTO used_once (key, body, until) VALUES (:key, :body, :until);

-- drop_old: nobody could show these again.
DELETE FROM used_once WHERE until < :now;
