-- The newest state of the agent of each node, whichever replica heard it. state is written and read by others than the store.
CREATE TABLE agents (
    node   TEXT   NOT NULL PRIMARY KEY,
    seen   BIGINT NOT NULL,
    state  TEXT   NOT NULL,
    change BIGINT NOT NULL
);
CREATE INDEX agents_by_change ON agents (change);
