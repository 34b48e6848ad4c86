-- The archive. Stores' own times are ms, as they told them; what HQ saw is stamped with HQ's own clock.

CREATE TABLE store (
    name text PRIMARY KEY,
    grp text NOT NULL DEFAULT '',
    added_at timestamptz NOT NULL DEFAULT now(),
    -- Its public key on NATS, and the one for which secrets are sealed; '' until it joined.
    key text NOT NULL DEFAULT '',
    sealing text NOT NULL DEFAULT '',
    joined_at timestamptz,
    revoked_at timestamptz,
    -- A join code that was not used: its SHA-256, and until when it is good.
    code bytea,
    code_until timestamptz,
    code_used_at timestamptz,
    -- Grows when HQ misses what the store was acknowledged.
    again integer NOT NULL DEFAULT 0,
    again_at timestamptz
);

CREATE UNIQUE INDEX store_by_code ON store (code) WHERE code IS NOT NULL;

-- Keys that were revoked, for good: the account's claim carries them.
CREATE TABLE revoked (
    key text PRIMARY KEY,
    store text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

-- One history of one store's database, and how far it is archived: the lock under which its entries are added.
CREATE TABLE chain (
    store text NOT NULL,
    epoch text NOT NULL,
    -- In which order HQ came to know the store's epochs: later ones overrule.
    n integer NOT NULL,
    first_seq bigint,
    head_seq bigint NOT NULL DEFAULT 0,
    head_hash bytea NOT NULL DEFAULT '\x',
    head_at timestamptz,
    rev bigint NOT NULL DEFAULT 0,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (store, epoch)
);

-- Partitions are made by month of arrival. `chain` makes (store, epoch, seq) come once over all of them.
CREATE TABLE audit (
    store text NOT NULL,
    epoch text NOT NULL,
    seq bigint NOT NULL,
    at bigint NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    order_ref text NOT NULL,
    message_id text NOT NULL,
    detail text NOT NULL,
    hash bytea NOT NULL,
    arrived timestamptz NOT NULL,
    PRIMARY KEY (store, epoch, seq, arrived)
) PARTITION BY RANGE (arrived);
CREATE INDEX audit_of_order ON audit (order_ref, store, seq) WHERE order_ref <> '';

CREATE TABLE message (
    store text NOT NULL,
    id text NOT NULL,
    epoch_n integer NOT NULL,
    rev bigint NOT NULL,
    order_ref text NOT NULL,
    state text NOT NULL,
    channel text NOT NULL,
    reason_code text NOT NULL,
    type text NOT NULL,
    recipient text NOT NULL,
    address text NOT NULL,
    attempts integer NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    due_at bigint NOT NULL,
    parts integer,
    price text,
    arrived timestamptz NOT NULL,
    PRIMARY KEY (store, id)
);
CREATE INDEX message_of_order ON message (order_ref, store);
CREATE INDEX message_newest ON message (created_at DESC, store, id);
CREATE INDEX message_untold ON message (store, updated_at DESC) WHERE state IN ('failed', 'expired', 'unknown');

CREATE TABLE health (
    store text PRIMARY KEY,
    arrived timestamptz NOT NULL,
    at bigint NOT NULL,
    body jsonb NOT NULL
);

CREATE TABLE consent (
    kid text NOT NULL,
    medium text NOT NULL,
    digest text NOT NULL,
    stopped boolean NOT NULL,
    at bigint NOT NULL,
    clock_trusted boolean NOT NULL,
    store text NOT NULL,
    epoch text NOT NULL,
    seq bigint NOT NULL,
    how text NOT NULL,
    stream_seq bigint NOT NULL,
    body bytea NOT NULL,
    arrived timestamptz NOT NULL,
    PRIMARY KEY (kid, medium, digest)
);

-- The same entry twice with different content: a copied card, or a record that was rewritten.
CREATE TABLE fork (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    store text NOT NULL,
    epoch text NOT NULL,
    seq bigint NOT NULL,
    known bytea NOT NULL,
    other bytea NOT NULL,
    seen_in text NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    times integer NOT NULL DEFAULT 1,
    UNIQUE (store, epoch, seq, other)
);

-- Entries that are missing: until they come, or for good where the store has them no more.
CREATE TABLE gap (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    store text NOT NULL,
    epoch text NOT NULL,
    from_seq bigint NOT NULL,
    to_seq bigint NOT NULL,
    why text NOT NULL,
    seen_at timestamptz NOT NULL,
    closed_at timestamptz,
    UNIQUE (store, epoch, from_seq, why)
);

CREATE TABLE bundle (
    grp text NOT NULL,
    version integer NOT NULL,
    published_at timestamptz NOT NULL,
    published_by text NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (grp, version)
);

CREATE TABLE hq_user (
    name text PRIMARY KEY,
    role text NOT NULL CHECK (role IN ('viewer', 'manager', 'admin')),
    password text NOT NULL,
    stores text[] NOT NULL DEFAULT '{}',
    added_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE token (
    name text PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- How far each of NATS's streams was read, in the same commit as what was read. `made`: which stream it was.
CREATE TABLE progress (
    stream text PRIMARY KEY,
    made text NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL
);
