-- What was wrong with a store, and until when, by HQ's own clock. `about` says of what, where there are several (a channel's name).
CREATE TABLE trouble (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    store text NOT NULL,
    kind text NOT NULL,
    about text NOT NULL DEFAULT '',
    since timestamptz NOT NULL,
    ended timestamptz
);
CREATE UNIQUE INDEX trouble_standing ON trouble (store, kind, about) WHERE ended IS NULL;
CREATE INDEX trouble_of ON trouble (store, since DESC);

-- How each store was in each hour: what the week's charts are drawn from.
CREATE TABLE health_hour (
    store text NOT NULL,
    hour timestamptz NOT NULL,
    heard integer NOT NULL,
    line_down integer NOT NULL,
    queued integer NOT NULL,
    waited bigint NOT NULL,
    disk_free bigint NOT NULL,
    written bigint NOT NULL,
    written_at bigint NOT NULL,
    PRIMARY KEY (store, hour)
);
CREATE INDEX health_hour_age ON health_hour (hour);

-- Whom a message is for, as digests under the fleet's keys: found by an address that is typed in full.
ALTER TABLE message ADD COLUMN who uuid[] NOT NULL DEFAULT '{}';
CREATE INDEX message_of_person ON message USING gin (who) WHERE who <> '{}';
CREATE INDEX message_untold_customers ON message (store, updated_at) WHERE state IN ('failed', 'expired', 'unknown') AND recipient = 'customer';
CREATE INDEX message_by_id ON message (id);
CREATE INDEX fork_lately ON fork (last_seen);
CREATE INDEX gap_open ON gap (store, seen_at) WHERE closed_at IS NULL AND why <> 'not kept at the store';
CREATE INDEX consent_newest ON consent (arrived DESC);
