-- of_group: what is being written for a group.
SELECT file, content, changed_by, changed_at FROM draft WHERE grp = %(grp)s ORDER BY file;

-- put: a file as it is to be.
INSERT INTO draft (grp, file, content, changed_by, changed_at) VALUES (%(grp)s, %(file)s, %(content)s, %(by)s, %(now)s)
ON CONFLICT (grp, file) DO UPDATE SET content = excluded.content, changed_by = excluded.changed_by, changed_at = excluded.changed_at;

-- drop: a file is as it was.
DELETE FROM draft WHERE grp = %(grp)s AND file = %(file)s;

-- clear: all is as it is published.
DELETE FROM draft WHERE grp = %(grp)s;

-- groups: in which anything is being written.
SELECT DISTINCT grp FROM draft;

-- standing: what is published to a group, and the least release for it.
SELECT digest, release FROM bundle WHERE grp = %(grp)s ORDER BY version DESC LIMIT 1;
