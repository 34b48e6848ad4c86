-- What is being written on the page for a group and is not published yet. `content` NULL: the file goes out of the bundle.
CREATE TABLE draft (
    grp text NOT NULL,
    file text NOT NULL,
    content text,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (grp, file)
);
