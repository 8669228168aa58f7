-- +goose Up
-- Whether the system on a node has said itself that it is the image.
ALTER TABLE node_states ADD COLUMN confirmed BIGINT NOT NULL DEFAULT 0;
