-- +goose Up
-- The disks of each node when it was seen last. No reference to operations: they stay where they are.
CREATE TABLE node_disks (
    node  TEXT   NOT NULL PRIMARY KEY,
    seen  BIGINT NOT NULL,
    disks BYTEA  NOT NULL
);
