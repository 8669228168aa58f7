-- One text for SQLite and PostgreSQL. Times and durations are microseconds, times since 1970 UTC, 0 for none.
-- BYTEA is a name without a meaning to SQLite, which keeps blobs as they are.

-- +goose Up
CREATE TABLE operations (
    id          TEXT   NOT NULL PRIMARY KEY,
    username    TEXT   NOT NULL,
    client_id   TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    environment TEXT   NOT NULL,
    min_nodes   BIGINT NOT NULL,
    total       BIGINT NOT NULL,
    ok          BIGINT NOT NULL,
    ko          BIGINT NOT NULL,
    since       BIGINT NOT NULL,
    until       BIGINT NOT NULL,
    outcome     TEXT   NOT NULL,
    text        TEXT   NOT NULL,
    resumed     BIGINT NOT NULL,
    request     BYTEA  NOT NULL,
    answer      BYTEA  NOT NULL
);
CREATE INDEX operations_since   ON operations (since, id);
CREATE INDEX operations_user    ON operations (username, since, id);
CREATE INDEX operations_kind    ON operations (kind, since, id);
CREATE INDEX operations_outcome ON operations (outcome, since, id);
CREATE INDEX operations_until   ON operations (until, id);

CREATE TABLE events (
    operation TEXT   NOT NULL REFERENCES operations (id),
    seq       BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    fact      BYTEA  NOT NULL,
    PRIMARY KEY (operation, seq)
);

CREATE TABLE steps (
    operation TEXT   NOT NULL REFERENCES operations (id),
    node      TEXT   NOT NULL,
    at        BIGINT NOT NULL,
    macro     TEXT   NOT NULL,
    instance  TEXT   NOT NULL,
    micro     TEXT   NOT NULL,
    try       BIGINT NOT NULL,
    cluster   TEXT   NOT NULL,
    took      BIGINT NOT NULL,
    outcome   TEXT   NOT NULL,
    kind      TEXT   NOT NULL,
    cause     TEXT   NOT NULL,
    PRIMARY KEY (operation, node, at, macro, instance, micro, try)
);

CREATE TABLE results (
    operation TEXT   NOT NULL REFERENCES operations (id),
    node      TEXT   NOT NULL,
    cluster   TEXT   NOT NULL,
    phase     TEXT   NOT NULL,
    state     TEXT   NOT NULL,
    cause     TEXT   NOT NULL,
    tries     BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (operation, node)
);
CREATE INDEX results_node ON results (node, operation);

-- No reference to operations: what runs on a node is remembered for longer than who put it there.
CREATE TABLE node_states (
    node        TEXT   NOT NULL PRIMARY KEY,
    state       TEXT   NOT NULL,
    operation   TEXT   NOT NULL,
    username    TEXT   NOT NULL,
    environment TEXT   NOT NULL,
    image       TEXT   NOT NULL,
    since       BIGINT NOT NULL
);

-- Counts of days and of months, kept by the transactions that insert steps and results. A period is the number of a day since
-- 1970-01-01, or year * 12 + month - 1.
CREATE TABLE step_counts (
    unit      TEXT   NOT NULL,
    period      BIGINT NOT NULL,
    cluster  TEXT   NOT NULL,
    macro    TEXT   NOT NULL,
    instance TEXT   NOT NULL,
    micro    TEXT   NOT NULL,
    outcome  TEXT   NOT NULL,
    bucket   BIGINT NOT NULL,
    steps    BIGINT NOT NULL,
    longest  BIGINT NOT NULL,
    PRIMARY KEY (unit, period, cluster, macro, instance, micro, outcome, bucket)
);
CREATE TABLE node_counts (
    unit     TEXT   NOT NULL,
    period     BIGINT NOT NULL,
    node    TEXT   NOT NULL,
    cluster TEXT   NOT NULL,
    ok      BIGINT NOT NULL,
    ko      BIGINT NOT NULL,
    retries BIGINT NOT NULL,
    PRIMARY KEY (unit, period, node, cluster)
);
CREATE TABLE cause_counts (
    unit     TEXT   NOT NULL,
    period     BIGINT NOT NULL,
    macro   TEXT   NOT NULL,
    micro   TEXT   NOT NULL,
    kind    TEXT   NOT NULL,
    cause   TEXT   NOT NULL,
    steps   BIGINT NOT NULL,
    example TEXT   NOT NULL,
    PRIMARY KEY (unit, period, macro, micro, kind, cause)
);

CREATE TABLE environments (
    owner       TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    version     BIGINT NOT NULL,
    visibility  TEXT   NOT NULL,
    description TEXT   NOT NULL,
    format      TEXT   NOT NULL,
    source      BYTEA  NOT NULL,
    details     BYTEA  NOT NULL,
    digest      TEXT   NOT NULL,
    added       BIGINT NOT NULL,
    PRIMARY KEY (owner, name, version)
);
CREATE INDEX environments_name ON environments (name, version);
