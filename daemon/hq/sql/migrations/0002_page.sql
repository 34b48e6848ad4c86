-- Who is logged in to the page, by the digest of what their browser holds.
CREATE TABLE hq_session (
    digest bytea PRIMARY KEY,
    name text NOT NULL REFERENCES hq_user (name) ON DELETE CASCADE,
    began timestamptz NOT NULL,
    seen timestamptz NOT NULL
);
CREATE INDEX hq_session_of ON hq_session (name);

-- Log-ins that failed lately, by the name that was tried and by where it was tried from.
CREATE TABLE hq_failure (
    key text PRIMARY KEY,
    times integer NOT NULL,
    since timestamptz NOT NULL
);
CREATE INDEX hq_failure_since ON hq_failure (since);

-- Headquarters' own record: what people did here. Each entry carries the hash of the one before, as a store's own does.
CREATE TABLE hq_record (
    seq bigint PRIMARY KEY,
    epoch text NOT NULL,
    at bigint NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    order_ref text NOT NULL,
    message_id text NOT NULL,
    detail text NOT NULL,
    hash bytea NOT NULL
);
