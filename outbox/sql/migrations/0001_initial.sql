-- The first schema. Times are ms since the epoch; `seq` orders everything; JSON bodies are as outbox/rows.py writes them.

CREATE TABLE secret (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE note (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE token (
    name TEXT PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- what came in

CREATE TABLE orders (
    seq INTEGER PRIMARY KEY,
    ref TEXT NOT NULL UNIQUE,
    held INTEGER NOT NULL CHECK (held IN (0, 1)),
    -- Its newest event: the others are found from there (`event.earlier`), and orders by their newest change through it.
    last_event INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- Which orders an address (but for mail) belongs to: a reply finds its order by it, and a person is forgotten by it.
CREATE TABLE contact (
    address TEXT NOT NULL,
    order_seq INTEGER NOT NULL,
    PRIMARY KEY (address, order_seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    order_seq INTEGER NOT NULL,
    -- The event of the same order before this one; 0: none.
    earlier INTEGER NOT NULL,
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    actor TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    raw BLOB NOT NULL,
    UNIQUE (id, source)
) STRICT;

-- ---------------------------------------------------------------- what goes out

CREATE TABLE message (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    event_seq INTEGER NOT NULL,
    order_seq INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    -- Its place in the line of its (order, recipient): 0 for what is due at once, else the planned moment; then by seq.
    line INTEGER NOT NULL,
    -- 1 while it may still change by itself: queued, held, sending, unknown.
    open INTEGER NOT NULL CHECK (open IN (0, 1)),
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'delivered', 'failed', 'expired',
                                         'superseded', 'suppressed', 'cancelled', 'held', 'unknown')),
    -- 1: at its due time it can be taken up (queued and first in its line; unknown and to be looked up), or it is being sent.
    ready INTEGER NOT NULL CHECK (ready IN (0, 1)),
    channel TEXT NOT NULL,
    priority INTEGER NOT NULL CHECK (priority IN (0, 1, 2)),
    due_at INTEGER NOT NULL,
    -- 1: `due_at` is a wait from some moment, which moves with a stepped clock.
    relative INTEGER NOT NULL CHECK (relative IN (0, 1)),
    -- Seconds of outage after which the modem may take it; NULL: never.
    modem_after INTEGER,
    expires_at INTEGER,
    hop INTEGER NOT NULL,
    channel_since INTEGER NOT NULL,
    attempt_count INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    -- Its newest attempt, 0: none. The others are found from there (`attempt.earlier`).
    last_attempt INTEGER NOT NULL,
    possible_duplicate INTEGER NOT NULL CHECK (possible_duplicate IN (0, 1)),
    -- What it becomes when it comes back unsent ('superseded', 'cancelled'), decided while it was under way.
    verdict TEXT NOT NULL CHECK (verdict IN ('', 'superseded', 'cancelled')),
    -- 1: a newer message of its family takes its place. 1: a person sent it.
    supersedes INTEGER NOT NULL CHECK (supersedes IN (0, 1)),
    manual INTEGER NOT NULL CHECK (manual IN (0, 1)),
    kind TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    via TEXT NOT NULL,
    addresses BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX message_of_order ON message (order_seq, open);
CREATE INDEX message_ready ON message (state, channel, priority, due_at, seq) WHERE ready = 1;
CREATE INDEX message_for_modem ON message (priority, due_at, seq) WHERE ready = 1 AND state = 'queued' AND modem_after IS NOT NULL;
CREATE INDEX message_unknown ON message (due_at, seq) WHERE ready = 1 AND state = 'unknown';
CREATE INDEX message_exceptional ON message (state, seq)
    WHERE state IN ('failed', 'expired', 'suppressed', 'cancelled', 'held', 'unknown');

CREATE TABLE attempt (
    seq INTEGER PRIMARY KEY,
    message_seq INTEGER NOT NULL,
    -- The attempt of the same message before this one; 0: none.
    earlier INTEGER NOT NULL,
    n INTEGER NOT NULL,
    channel TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    outcome TEXT CHECK (outcome IN ('accepted', 'deferred', 'rejected', 'unknown')),
    scope TEXT CHECK (scope IN ('message', 'recipient', 'channel')),
    code TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    receipt TEXT CHECK (receipt IN ('sent', 'delivered', 'read', 'undelivered')),
    receipt_at INTEGER,
    poll_at INTEGER,
    counts INTEGER NOT NULL CHECK (counts IN (0, 1)),
    detail TEXT NOT NULL,
    receipt_detail TEXT NOT NULL,
    address TEXT NOT NULL,
    sent BLOB
) STRICT;
-- Providers' ids are random: over all attempts their index would dirty a page for each. In lots of 64 the newest are together, and
-- receipts are nearly always of the newest.
CREATE INDEX attempt_at_provider ON attempt (seq / 64, provider_id) WHERE provider_id <> '';
CREATE INDEX attempt_to_poll ON attempt (poll_at) WHERE poll_at IS NOT NULL;

-- Receipts that came before the provider's own answer was on record: applied when it is.
CREATE TABLE early_receipt (
    channel TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('sent', 'delivered', 'read', 'undelivered')),
    at INTEGER NOT NULL,
    detail TEXT NOT NULL,
    kept_at INTEGER NOT NULL,
    PRIMARY KEY (channel, provider_id)
) STRICT, WITHOUT ROWID;

-- ---------------------------------------------------------------- what people said

CREATE TABLE consent (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    medium TEXT NOT NULL,
    digest TEXT NOT NULL,
    stopped INTEGER NOT NULL CHECK (stopped IN (0, 1)),
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    address TEXT NOT NULL
) STRICT;
CREATE INDEX consent_of_address ON consent (digest, seq);

CREATE TABLE reply (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    channel TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    order_ref TEXT,
    is_read INTEGER NOT NULL CHECK (is_read IN (0, 1)),
    consent TEXT CHECK (consent IN ('stop', 'start')),
    address TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX reply_at_provider ON reply (channel, provider_id) WHERE provider_id <> '';
CREATE INDEX reply_unread ON reply (seq) WHERE is_read = 0;
CREATE INDEX reply_of_order ON reply (order_ref);

-- ---------------------------------------------------------------- the record

CREATE TABLE epoch (
    first_seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL
) STRICT;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    order_ref TEXT NOT NULL,
    message_id TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE INDEX audit_act ON audit (order_ref, seq) WHERE actor <> '';

-- ---------------------------------------------------------------- rows as JSON arrays, in the order of outbox/rows.py

CREATE VIEW message_row AS
SELECT m.seq AS seq, json_array(
    m.seq, m.id, m.event_seq, m.order_seq, m.recipient, m.line, m.state, m.ready, m.channel, m.priority, m.due_at, m.relative,
    m.modem_after, m.expires_at, m.hop, m.channel_since, m.attempt_count, m.tries, m.last_attempt, m.possible_duplicate, m.verdict,
    m.supersedes, m.manual, m.kind, m.created_at, m.updated_at, m.reason, m.via, CAST(m.addresses AS TEXT),
    CAST(m.body AS TEXT), e.id, o.ref, o.held
) AS row, CAST(e.raw AS TEXT) AS event, CAST(o.body AS TEXT) AS order_body
FROM message AS m CROSS JOIN event AS e ON e.seq = m.event_seq CROSS JOIN orders AS o ON o.seq = m.order_seq;

CREATE VIEW attempt_row AS
SELECT a.seq AS seq, a.message_seq AS message_seq, json_array(
    a.seq, a.message_seq, a.earlier, a.n, a.channel, a.started_at, a.finished_at, a.outcome, a.scope, a.code, a.provider_id, a.receipt,
    a.receipt_at, a.poll_at, a.counts, a.detail, a.receipt_detail, a.address, CAST(a.sent AS TEXT), m.id
) AS row
FROM attempt AS a CROSS JOIN message AS m ON m.seq = a.message_seq;

PRAGMA user_version = 1;
