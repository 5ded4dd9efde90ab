CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY);
CREATE TABLE clock (
    id     INTEGER NOT NULL PRIMARY KEY,
    change BIGINT  NOT NULL,
    began  BIGINT  NOT NULL
, known BIGINT NOT NULL DEFAULT 0);
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
CREATE TABLE spells (
    client     TEXT   NOT NULL,
    server     TEXT   NOT NULL,
    first_seen BIGINT NOT NULL,
    last_seen  BIGINT NOT NULL,
    PRIMARY KEY (client, server, first_seen)
);
CREATE TABLE reports (
    node  TEXT   NOT NULL,
    pod   TEXT   NOT NULL,
    epoch BIGINT NOT NULL,
    seq   BIGINT NOT NULL,
    seen  BIGINT NOT NULL,
    PRIMARY KEY (node, pod, epoch)
);
CREATE TABLE leases (
    address TEXT   NOT NULL,
    holder  TEXT   NOT NULL,
    ended   BIGINT NOT NULL,
    who     TEXT   NOT NULL,
    PRIMARY KEY (address, holder)
);
CREATE TABLE names (
    name    TEXT   NOT NULL,
    address TEXT   NOT NULL,
    ends    BIGINT NOT NULL,
    change  BIGINT NOT NULL,
    PRIMARY KEY (name, address)
);
CREATE INDEX names_by_change ON names (change);
CREATE TABLE resets (
    change    BIGINT NOT NULL,
    namespace TEXT   NOT NULL,
    happened  BIGINT NOT NULL,
    PRIMARY KEY (change, namespace)
);
CREATE TABLE agents (
    node   TEXT   NOT NULL PRIMARY KEY,
    seen   BIGINT NOT NULL,
    state  TEXT   NOT NULL,
    change BIGINT NOT NULL
);
CREATE INDEX agents_by_change ON agents (change);
INSERT INTO agents (node, seen, state, change) VALUES ('n1', 1795165200000000000, '{"says":"it''s"}', 2);
INSERT INTO agents (node, seen, state, change) VALUES ('n2', 1795165260000000000, '{}', 2);
INSERT INTO clock (id, change, began, known) VALUES (1, 2, 1795195395964764860, 1795165201000000000);
INSERT INTO edges (client, server, host_network, private, overflow, last_seen, change) VALUES ('w/shop/Deployment/frontend', 'w/default//kubernetes', FALSE, FALSE, 0, 1795165200000000000, 1);
INSERT INTO edges (client, server, host_network, private, overflow, last_seen, change) VALUES ('w/shop/Deployment/frontend', 'w/shop/Deployment/cart', TRUE, FALSE, 0, 1796893200000000000, 1);
INSERT INTO edges (client, server, host_network, private, overflow, last_seen, change) VALUES ('w/shop/Deployment/frontend', 'n/api.bank.example', FALSE, FALSE, 0, 1795165200000000000, 1);
INSERT INTO edges (client, server, host_network, private, overflow, last_seen, change) VALUES ('w/shop/Deployment/frontend', 'a/192.168.7.1', FALSE, TRUE, 0, 1795168800000000000, 1);
INSERT INTO edges (client, server, host_network, private, overflow, last_seen, change) VALUES ('a/2001:db8::7', 'w/shop/Deployment/frontend', FALSE, FALSE, 0, 1795172400000000000, 1);
INSERT INTO evidence (client, server, act, protocol, port, name, source, target_port, first_seen, last_seen, sightings) VALUES ('w/shop/Deployment/frontend', 'w/default//kubernetes', 'connect', 'TCP', 80, '', 'syn', 8080, 1795165200000000000, 1795165200000000000, 1);
INSERT INTO evidence (client, server, act, protocol, port, name, source, target_port, first_seen, last_seen, sightings) VALUES ('w/shop/Deployment/frontend', 'w/shop/Deployment/cart', 'connect', 'TCP', 80, '', 'socket', 8080, 1796893200000000000, 1796893200000000000, 1);
INSERT INTO evidence (client, server, act, protocol, port, name, source, target_port, first_seen, last_seen, sightings) VALUES ('w/shop/Deployment/frontend', 'w/shop/Deployment/cart', 'connect', 'TCP', 80, '', 'syn', 8080, 1795165200000000000, 1795165200000000000, 1);
INSERT INTO evidence (client, server, act, protocol, port, name, source, target_port, first_seen, last_seen, sightings) VALUES ('w/shop/Deployment/frontend', 'n/api.bank.example', 'lookup', '', 0, 'api.bank.example', 'syn', 0, 1795165200000000000, 1795165200000000000, 1);
INSERT INTO evidence (client, server, act, protocol, port, name, source, target_port, first_seen, last_seen, sightings) VALUES ('w/shop/Deployment/frontend', 'a/192.168.7.1', 'connect', 'TCP', 80, '', 'syn', 8080, 1795168800000000000, 1795168800000000000, 1);
INSERT INTO evidence (client, server, act, protocol, port, name, source, target_port, first_seen, last_seen, sightings) VALUES ('a/2001:db8::7', 'w/shop/Deployment/frontend', 'connect', 'TCP', 80, '', 'syn', 8080, 1795172400000000000, 1795172400000000000, 1);
INSERT INTO leases (address, holder, ended, who) VALUES ('', 'pod/on-the-host', 0, '{}');
INSERT INTO leases (address, holder, ended, who) VALUES ('10.0.0.7', 'pod/a', 1795165260000000000, '{"name":"it''s"}');
INSERT INTO leases (address, holder, ended, who) VALUES ('10.0.0.7', 'pod/b', 0, '{}');
INSERT INTO leases (address, holder, ended, who) VALUES ('2001:db8::7', 'node/n1', 0, '{}');
INSERT INTO names (name, address, ends, change) VALUES ('api.bank.example', '203.0.113.7', 1795168800000000000, 2);
INSERT INTO names (name, address, ends, change) VALUES ('api.bank.example', '2001:db8::7', 1795168800000000000, 2);
INSERT INTO reports (node, pod, epoch, seq, seen) VALUES ('n1', 'agent-n1', -9223372036854775801, 7, 1795165200000000000);
INSERT INTO schema_version (version) VALUES (1);
INSERT INTO schema_version (version) VALUES (2);
INSERT INTO schema_version (version) VALUES (3);
INSERT INTO services (client, server, name, last_seen) VALUES ('w/shop/Deployment/frontend', 'w/shop/Deployment/cart', 'basket', 1796893200000000000);
INSERT INTO services (client, server, name, last_seen) VALUES ('w/shop/Deployment/frontend', 'w/shop/Deployment/cart', 'cart', 1796893200000000000);
INSERT INTO services (client, server, name, last_seen) VALUES ('a/2001:db8::7', 'w/shop/Deployment/frontend', 'frontend', 1795172400000000000);
INSERT INTO spells (client, server, first_seen, last_seen) VALUES ('w/shop/Deployment/frontend', 'w/default//kubernetes', 1795165200000000000, 1795165200000000000);
INSERT INTO spells (client, server, first_seen, last_seen) VALUES ('w/shop/Deployment/frontend', 'w/shop/Deployment/cart', 1795165200000000000, 1795165200000000000);
INSERT INTO spells (client, server, first_seen, last_seen) VALUES ('w/shop/Deployment/frontend', 'w/shop/Deployment/cart', 1796893200000000000, 1796893200000000000);
INSERT INTO spells (client, server, first_seen, last_seen) VALUES ('w/shop/Deployment/frontend', 'n/api.bank.example', 1795165200000000000, 1795165200000000000);
INSERT INTO spells (client, server, first_seen, last_seen) VALUES ('w/shop/Deployment/frontend', 'a/192.168.7.1', 1795168800000000000, 1795168800000000000);
INSERT INTO spells (client, server, first_seen, last_seen) VALUES ('a/2001:db8::7', 'w/shop/Deployment/frontend', 1795172400000000000, 1795172400000000000);
