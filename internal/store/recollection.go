package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Lease says that somebody held an address. The store does not know who that is.
type Lease struct {
	Addr   netip.Addr // invalid for who held none
	Holder string     // key with Addr
	To     time.Time  // zero while it is held
	Who    string
}

// Name is an address of a name outside the cluster, until its life ends. The zero Until forgets it.
type Name struct {
	Name  string
	Addr  netip.Addr
	Until time.Time
}

// Agent is what was last heard of the agent of a node. The store does not know what that says.
type Agent struct {
	Node  string
	Seen  time.Time
	State string
}

// Recollection is what an operator knows beside the map.
type Recollection struct {
	Leases []Lease
	Names  []Name
	Agents []Agent
	Known  time.Time // when the operator last saw the cluster as it was; zero while it has not yet
}

func (r *Recollection) rows() int { return len(r.Leases) + len(r.Names) + len(r.Agents) }

func (r *Recollection) isEmpty() bool { return r.rows() == 0 }

// Rememberer has a Recollection. Its methods are called one at a time.
type Rememberer interface {
	// Recall is given what the store has: leases once, when it is opened, names and agents also when another replica wrote them.
	Recall(Recollection)
	// Remember returns what changed since the last call, each key once; with whole it returns everything.
	Remember(whole bool) Recollection
}

func leaseTable() table {
	return table{
		name: "leases", width: 4, key: "address, holder", columns: "address, holder, ended, who",
		merge: "ended = excluded.ended, who = excluded.who",
	}
}

func nameTable() table {
	return table{
		name: "names", width: 4, key: "name, address", columns: "name, address, ends, change",
		merge: "ends = GREATEST(names.ends, excluded.ends), change = GREATEST(names.change, excluded.change)",
	}
}

// agentTable keeps the newest state of each node.
func agentTable() table {
	return table{
		name: "agents", width: 4, key: "node", columns: "node, seen, state, change",
		merge: "state = CASE WHEN excluded.seen < agents.seen THEN agents.state ELSE excluded.state END," +
			" seen = GREATEST(agents.seen, excluded.seen), change = GREATEST(agents.change, excluded.change)",
	}
}

// recollect writes down a recollection.
func (s *Store) recollect(ctx context.Context, tx *sql.Tx, r Recollection, change uint64) error {
	if !r.Known.IsZero() {
		if _, err := tx.ExecContext(ctx, s.dialect("UPDATE clock SET known = GREATEST(known, $1)"), moment(r.Known)); err != nil {
			return err
		}
	}
	leases, names, agents := s.filler(ctx, tx, leaseTable()), s.filler(ctx, tx, nameTable()), s.filler(ctx, tx, agentTable())
	for _, l := range r.Leases {
		leases.add(addressText(l.Addr), l.Holder, endOf(l.To), l.Who)
	}
	for _, a := range r.Agents {
		agents.add(a.Node, moment(a.Seen), a.State, int64(change))
	}
	for _, n := range r.Names {
		if !n.Until.IsZero() {
			names.add(n.Name, n.Addr.String(), moment(n.Until), int64(change))
			continue
		}
		if _, err := tx.ExecContext(ctx, s.dialect("DELETE FROM names WHERE name = $1 AND address = $2"), n.Name, n.Addr.String()); err != nil {
			return err
		}
	}
	return flushAll(leases, names, agents)
}

// addressText writes an address as a key; none is the empty text.
func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// endOf writes the end of a lease; 0 while it is held.
func endOf(to time.Time) int64 {
	if to.IsZero() {
		return 0
	}
	return moment(to)
}

// Leases returns who held addresses, and when an operator last saw the cluster as it was.
func (s *Store) Leases(ctx context.Context) (all []Lease, known time.Time, err error) {
	var at int64
	if err := s.db.QueryRowContext(ctx, "SELECT known FROM clock WHERE id = 1").Scan(&at); err != nil {
		return nil, time.Time{}, fmt.Errorf("reading the leases: %w", err)
	}
	rows, err := s.db.QueryContext(ctx, "SELECT address, holder, ended, who FROM leases ORDER BY address, holder")
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading the leases: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var l Lease
		var address string
		var to int64
		if err := rows.Scan(&address, &l.Holder, &to, &l.Who); err != nil {
			return nil, time.Time{}, fmt.Errorf("reading the leases: %w", err)
		}
		if l.Addr, err = netip.ParseAddr(address); err != nil && address != "" {
			return nil, time.Time{}, fmt.Errorf("reading the leases: %w", err)
		}
		if to != 0 {
			l.To = instant(to)
		}
		all = append(all, l)
	}
	return all, instant(at), rows.Err()
}

// name reads a row of names.
func (r *reader) name(rows *sql.Rows) error {
	var n Name
	var address string
	var ends int64
	err := rows.Scan(&n.Name, &address, &ends)
	if err != nil {
		return err
	}
	if n.Addr, err = netip.ParseAddr(address); err != nil {
		return err
	}
	n.Until = instant(ends)
	r.news.Names = append(r.news.Names, n)
	return nil
}

// agent reads a row of agents.
func (r *reader) agent(rows *sql.Rows) error {
	var a Agent
	var seen int64
	if err := rows.Scan(&a.Node, &seen, &a.State); err != nil {
		return err
	}
	a.Seen = instant(seen)
	r.news.Agents = append(r.news.Agents, a)
	return nil
}

// sort brings rows into the order of their keys.
func (r *Recollection) sort() {
	slices.SortFunc(r.Leases, func(a, b Lease) int {
		if c := a.Addr.Compare(b.Addr); c != 0 {
			return c
		}
		return strings.Compare(a.Holder, b.Holder)
	})
	slices.SortFunc(r.Names, func(a, b Name) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return a.Addr.Compare(b.Addr)
	})
	slices.SortFunc(r.Agents, func(a, b Agent) int { return strings.Compare(a.Node, b.Node) })
}
