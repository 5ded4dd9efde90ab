-- What the operator knows beside the map, and the resets of the map.

-- When a replica last saw the cluster as it was.
ALTER TABLE clock ADD COLUMN known BIGINT NOT NULL DEFAULT 0;

-- Who held an address, until ended; 0 while it is held. The address is empty for a pod on the host network. who is written and
-- read by others than the store.
CREATE TABLE leases (
    address TEXT   NOT NULL,
    holder  TEXT   NOT NULL,
    ended   BIGINT NOT NULL,
    who     TEXT   NOT NULL,
    PRIMARY KEY (address, holder)
);

-- The addresses that names outside have, until their lives end.
CREATE TABLE names (
    name    TEXT   NOT NULL,
    address TEXT   NOT NULL,
    ends    BIGINT NOT NULL,
    change  BIGINT NOT NULL,
    PRIMARY KEY (name, address)
);
CREATE INDEX names_by_change ON names (change);

-- What people cleared: a namespace, or all where it is empty. Who has an older map clears it too before writing.
CREATE TABLE resets (
    change    BIGINT NOT NULL,
    namespace TEXT   NOT NULL,
    happened  BIGINT NOT NULL,
    PRIMARY KEY (change, namespace)
);
