-- What took longer with each message, opt-out or week that is kept: a store's newest messages where its last was long ago, the opt-outs of a
-- manager's stores, and figures of a year.
CREATE INDEX message_of_store ON message (store, created_at DESC, id);
CREATE INDEX consent_of_store ON consent (store, arrived DESC);

CREATE INDEX figures_week_newest ON figures_week (week DESC, store) INCLUDE (messages, untold);
ALTER TABLE figures_week DROP CONSTRAINT figures_week_pkey, ADD PRIMARY KEY (store, week);
CREATE INDEX figures_way_of_store ON figures_way (store, channel, week);
CREATE INDEX figures_why_of_store ON figures_why (store, state, reason_code, week);
