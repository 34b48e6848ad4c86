-- Figures as rows, so that a year of a thousand stores is added up where it lies. `figures` says which weeks were counted; all are counted anew.
ALTER TABLE figures DROP COLUMN weeks, DROP COLUMN ways, DROP COLUMN whys;
DELETE FROM figures;

CREATE TABLE figures_week (
    week text NOT NULL,
    store text NOT NULL,
    messages bigint NOT NULL,
    told bigint NOT NULL,
    untold bigint NOT NULL,
    silenced bigint NOT NULL,
    half_within double precision,
    most_within double precision,
    parts bigint NOT NULL,
    cost numeric NOT NULL,
    PRIMARY KEY (week, store)
);

CREATE TABLE figures_way (
    week text NOT NULL,
    store text NOT NULL,
    channel text NOT NULL,
    told bigint NOT NULL,
    parts bigint NOT NULL,
    cost numeric NOT NULL
);
CREATE INDEX figures_way_of_week ON figures_way (week, store);

CREATE TABLE figures_why (
    week text NOT NULL,
    store text NOT NULL,
    state text NOT NULL,
    reason_code text NOT NULL,
    messages bigint NOT NULL
);
CREATE INDEX figures_why_of_week ON figures_why (week, store);
