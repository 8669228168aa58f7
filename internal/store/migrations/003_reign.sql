-- Who writes: one server at a time. Each one that begins counts the epoch on, and whoever finds another epoch than its own writes no more.

-- +goose Up
CREATE TABLE reign (
    id     BIGINT NOT NULL PRIMARY KEY,
    epoch  BIGINT NOT NULL,
    holder TEXT   NOT NULL,
    since  BIGINT NOT NULL
);
INSERT INTO reign (id, epoch, holder, since) VALUES (1, 0, '', 0);

-- +goose Down
DROP TABLE reign;
