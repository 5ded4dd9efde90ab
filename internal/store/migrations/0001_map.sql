-- The map. One schema for SQLite and PostgreSQL: only words that both know. Moments are nanoseconds since 1970, UTC. A peer is
-- "w/namespace/kind/name" for a workload, "n/name" for a name and "a/address" for an address outside the cluster.

-- One row. Every transaction that changes the map takes the next number here first, so that numbers are committed in order.
CREATE TABLE clock (
    id     INTEGER NOT NULL PRIMARY KEY,
    change BIGINT  NOT NULL,
    began  BIGINT  NOT NULL
);
INSERT INTO clock (id, change, began) VALUES (1, 0, 0);

CREATE TABLE edges (
    client       TEXT    NOT NULL,
    server       TEXT    NOT NULL,
    host_network BOOLEAN NOT NULL,
    private      BOOLEAN NOT NULL,
    overflow     BIGINT  NOT NULL,
    last_seen    BIGINT  NOT NULL,
    change       BIGINT  NOT NULL,
    PRIMARY KEY (client, server)
);
CREATE INDEX edges_by_change ON edges (change);

CREATE TABLE services (
    client    TEXT   NOT NULL,
    server    TEXT   NOT NULL,
    name      TEXT   NOT NULL,
    last_seen BIGINT NOT NULL,
    PRIMARY KEY (client, server, name)
);

CREATE TABLE evidence (
    client      TEXT    NOT NULL,
    server      TEXT    NOT NULL,
    act         TEXT    NOT NULL,
    protocol    TEXT    NOT NULL,
    port        INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    target_port INTEGER NOT NULL,
    first_seen  BIGINT  NOT NULL,
    last_seen   BIGINT  NOT NULL,
    sightings   BIGINT  NOT NULL,
    PRIMARY KEY (client, server, act, protocol, port, name, source)
);

-- A spell may be here in several rows that overlap; readers join them.
CREATE TABLE spells (
    client     TEXT   NOT NULL,
    server     TEXT   NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    PRIMARY KEY (client, server, first_seen)
);

-- The highest batch of each run of an agent that is in the map.
CREATE TABLE reports (
    node  TEXT   NOT NULL,
    pod   TEXT   NOT NULL,
    epoch BIGINT NOT NULL,
    seq   BIGINT NOT NULL,
    seen  BIGINT NOT NULL,
    PRIMARY KEY (node, pod, epoch)
);
