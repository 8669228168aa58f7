-- Counts are kept by the kind of their operations. What was counted before is of the kind that its macro-step tells; where that tells none
-- (nodes; which of the powers) it is '', and counted only where every kind is.

-- +goose Up
CREATE TABLE step_counts_by_kind (
    unit     TEXT   NOT NULL,
    period   BIGINT NOT NULL,
    op_kind  TEXT   NOT NULL,
    cluster  TEXT   NOT NULL,
    macro    TEXT   NOT NULL,
    instance TEXT   NOT NULL,
    micro    TEXT   NOT NULL,
    outcome  TEXT   NOT NULL,
    bucket   BIGINT NOT NULL,
    steps    BIGINT NOT NULL,
    longest  BIGINT NOT NULL,
    PRIMARY KEY (unit, period, op_kind, cluster, macro, instance, micro, outcome, bucket)
);
INSERT INTO step_counts_by_kind
    SELECT unit, period, CASE macro WHEN 'Reboot' THEN 'reboot' WHEN 'Power' THEN '' ELSE 'deploy' END,
        cluster, macro, instance, micro, outcome, bucket, steps, longest FROM step_counts;
DROP TABLE step_counts;
ALTER TABLE step_counts_by_kind RENAME TO step_counts;

CREATE TABLE node_counts_by_kind (
    unit    TEXT   NOT NULL,
    period  BIGINT NOT NULL,
    op_kind TEXT   NOT NULL,
    node    TEXT   NOT NULL,
    cluster TEXT   NOT NULL,
    ok      BIGINT NOT NULL,
    ko      BIGINT NOT NULL,
    retries BIGINT NOT NULL,
    PRIMARY KEY (unit, period, op_kind, node, cluster)
);
INSERT INTO node_counts_by_kind SELECT unit, period, '', node, cluster, ok, ko, retries FROM node_counts;
DROP TABLE node_counts;
ALTER TABLE node_counts_by_kind RENAME TO node_counts;

CREATE TABLE cause_counts_by_kind (
    unit    TEXT   NOT NULL,
    period  BIGINT NOT NULL,
    op_kind TEXT   NOT NULL,
    macro   TEXT   NOT NULL,
    micro   TEXT   NOT NULL,
    kind    TEXT   NOT NULL,
    cause   TEXT   NOT NULL,
    steps   BIGINT NOT NULL,
    example TEXT   NOT NULL,
    PRIMARY KEY (unit, period, op_kind, macro, micro, kind, cause)
);
INSERT INTO cause_counts_by_kind
    SELECT unit, period, CASE macro WHEN 'Reboot' THEN 'reboot' WHEN 'Power' THEN '' ELSE 'deploy' END,
        macro, micro, kind, cause, steps, example FROM cause_counts;
DROP TABLE cause_counts;
ALTER TABLE cause_counts_by_kind RENAME TO cause_counts;
