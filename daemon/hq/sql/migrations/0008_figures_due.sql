-- Days (UTC, since 1970) of which messages came or changed since their week was counted; `change`: the transaction that said so last.
CREATE TABLE figures_due (
    day bigint PRIMARY KEY,
    change bigint NOT NULL
);

-- By whose clocks weeks were counted: those from before this are counted anew.
ALTER TABLE figures ADD COLUMN zone text NOT NULL DEFAULT '';
