-- What is published, to whom, and how it fares; what stores are told to do. The table of bundles from before was never written to.

DROP TABLE bundle;

CREATE TABLE bundle_content (
    digest text PRIMARY KEY,
    zip bytea NOT NULL
);

-- Each row is a signed word on one group, for good. `digest` '': the group's bundle is withdrawn.
CREATE TABLE bundle (
    version bigint PRIMARY KEY,
    grp text NOT NULL,
    digest text NOT NULL,
    release text NOT NULL,
    note text NOT NULL,
    published_by text NOT NULL,
    published_at timestamptz NOT NULL,
    manifest text NOT NULL,
    signature bytea NOT NULL,
    -- When NATS had it.
    sent_at timestamptz
);
CREATE INDEX bundle_of_group ON bundle (grp, version DESC);
CREATE INDEX bundle_unsent ON bundle (version) WHERE sent_at IS NULL;

-- A bundle that some stores try before the group has it.
CREATE TABLE rollout (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    grp text NOT NULL,
    digest text NOT NULL,
    release text NOT NULL,
    note text NOT NULL,
    published_by text NOT NULL,
    -- The groups that it was published to first, and the stores that these are.
    first_groups text[] NOT NULL,
    stores text[] NOT NULL,
    began_at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('canary', 'passed', 'taken_back')),
    ended_at timestamptz,
    why text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX rollout_under_way ON rollout (grp) WHERE state = 'canary';

ALTER TABLE store ADD COLUMN canary boolean NOT NULL DEFAULT false;
-- HQ's newest word on what its key may do, and for which groups' bundles it is.
ALTER TABLE store ADD COLUMN claim text NOT NULL DEFAULT '';
UPDATE store SET canary = true, grp = '' WHERE grp = 'canary';

CREATE TABLE command (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    store text NOT NULL,
    what text NOT NULL CHECK (what IN ('pause', 'resume', 'doctor')),
    channel text NOT NULL,
    reason text NOT NULL,
    given_by text NOT NULL,
    given_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX command_of_store ON command (store, id DESC);

-- What stores answered stands in their own record.
CREATE INDEX audit_answers ON audit (store, seq) WHERE kind IN ('command.done', 'command.refused');
