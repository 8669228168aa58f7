-- +goose Up
-- Who was enrolled. An admin (1) may do everything.
CREATE TABLE users (
    name  TEXT   NOT NULL PRIMARY KEY,
    admin BIGINT NOT NULL,
    since BIGINT NOT NULL
);

-- One right a row: a user, or * for everybody, may use a node, or * for every node, and there a partition, or * for every one, until that
-- moment; 0 is for ever. No reference to users: rights are given to names that nobody enrolled, too.
CREATE TABLE rights (
    username   TEXT   NOT NULL,
    node       TEXT   NOT NULL,
    part       TEXT   NOT NULL,
    until      BIGINT NOT NULL,
    granted_by TEXT   NOT NULL,
    since      BIGINT NOT NULL,
    PRIMARY KEY (username, node, part)
);

-- +goose Down
DROP TABLE rights;
DROP TABLE users;
