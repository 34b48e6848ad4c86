-- What took longer with each message, opt-out or week that is kept: a store's newest messages where its last was long ago, the opt-outs of a
-- manager's stores, and figures of a year.
CREATE INDEX message_of_store ON message (store, created_at DESC, id);
CREATE INDEX consent_of_store ON consent (store, arrived DESC);

CREATE INDEX figures_week_newest ON figures_week (week DESC, store);
ALTER TABLE figures_week DROP CONSTRAINT figures_week_pkey, ADD PRIMARY KEY (store, week);
CREATE INDEX figures_way_of_store ON figures_way (store, channel, week);
CREATE INDEX figures_why_of_store ON figures_why (store, state, reason_code, week);

ALTER TABLE figures ADD COLUMN messages bigint NOT NULL DEFAULT 0, ADD COLUMN untold bigint NOT NULL DEFAULT 0;
UPDATE figures SET (messages, untold) = (
    SELECT coalesce(sum(w.messages), 0), coalesce(sum(w.untold), 0) FROM figures_week AS w WHERE w.week = figures.week
);
