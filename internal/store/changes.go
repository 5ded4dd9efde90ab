package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/traffic"
)

// News is what changed in a store after a moment, in the order in which it is to be taken over.
type News struct {
	Resets []Reset       // the oldest first
	Edges  []*graph.Edge // whole as the store has them, in no order
	Names  []Name
	Agents []Agent
	Newest uint64 // number of the newest change
}

// Changes returns what changed after that number. After 0 this is all there is; a reader that has nothing needs no resets.
func (s *Store) Changes(ctx context.Context, after uint64) (News, error) {
	r := reader{edges: make(map[ends]*graph.Edge)}
	options := &sql.TxOptions{}
	if s.kind == Postgres {
		options = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true} // one moment for all tables
	}
	err := s.within(ctx, options, func(tx *sql.Tx) error {
		var newest int64
		if err := tx.QueryRowContext(ctx, "SELECT change FROM clock WHERE id = 1").Scan(&newest); err != nil {
			return err
		}
		if r.news.Newest = uint64(newest); r.news.Newest == after {
			return nil
		}
		return s.read(ctx, tx, &r, after)
	})
	if err != nil {
		return News{}, fmt.Errorf("reading the store: %w", err)
	}
	if after == 0 {
		r.news.Resets = nil
	}
	return r.news, nil
}

func (s *Store) read(ctx context.Context, tx *sql.Tx, r *reader, after uint64) error {
	const below = " AS t JOIN edges AS e ON e.client = t.client AND e.server = t.server WHERE e.change > $1"
	for _, part := range []struct {
		query string
		row   func(*sql.Rows) error
	}{
		{"SELECT namespace, happened FROM resets WHERE change > $1 ORDER BY change, namespace", r.reset},
		{"SELECT client, server, host_network, private, overflow FROM edges WHERE change > $1", r.edge},
		{"SELECT t.client, t.server, t.name FROM services" + below + " ORDER BY t.client, t.server, t.name", r.service},
		{"SELECT t.client, t.server, t.act, t.protocol, t.port, t.name, t.source, t.target_port, t.first_seen, t.last_seen, t.sightings FROM evidence" +
			below + " ORDER BY t.client, t.server, t.act, t.protocol, t.port, t.name, t.source", r.evidence},
		{"SELECT t.client, t.server, t.first_seen, t.last_seen FROM spells" + below + " ORDER BY t.client, t.server, t.first_seen", r.spell},
		{"SELECT name, address, ends FROM names WHERE change > $1", r.name},
		{"SELECT node, seen, state FROM agents WHERE change > $1", r.agent},
	} {
		if err := each(ctx, tx, s.dialect(part.query), int64(after), part.row); err != nil {
			return err
		}
	}
	return nil
}

func each(ctx context.Context, tx *sql.Tx, query string, after int64, row func(*sql.Rows) error) error {
	rows, err := tx.QueryContext(ctx, query, after)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// ends is the key of an edge as the store writes it.
type ends struct{ client, server string }

// reader puts rows together to edges. A row whose edge expired at this moment is left out.
type reader struct {
	edges map[ends]*graph.Edge
	news  News
}

func (r *reader) edge(rows *sql.Rows) error {
	var key ends
	var e graph.Edge
	var overflow int64
	err := rows.Scan(&key.client, &key.server, &e.HostNetwork, &e.Private, &overflow)
	if err != nil {
		return err
	}
	if e.Client, err = parsePeer(key.client); err != nil {
		return err
	}
	if e.Server, err = parsePeer(key.server); err != nil {
		return err
	}
	e.Overflow = uint64(overflow)
	r.edges[key] = &e
	r.news.Edges = append(r.news.Edges, &e)
	return nil
}

func (r *reader) service(rows *sql.Rows) error {
	var key ends
	var name string
	if err := rows.Scan(&key.client, &key.server, &name); err != nil {
		return err
	}
	if e := r.edges[key]; e != nil {
		e.Services = append(e.Services, name)
	}
	return nil
}

func (r *reader) evidence(rows *sql.Rows) error {
	var key ends
	var use graph.Use
	var act, protocol, source string
	var target uint16
	var first, last, sightings int64
	if err := rows.Scan(&key.client, &key.server, &act, &protocol, &use.Port, &use.Name, &source, &target, &first, &last, &sightings); err != nil {
		return err
	}
	e := r.edges[key]
	if e == nil {
		return nil
	}
	use.Act, use.Protocol = traffic.Act(act), traffic.Protocol(protocol)
	if n := len(e.Uses); n == 0 || e.Uses[n-1].Use != use {
		e.Uses = append(e.Uses, graph.Seen{Use: use})
	}
	seen := &e.Uses[len(e.Uses)-1]
	if target != 0 && (seen.TargetPort == 0 || target < seen.TargetPort) {
		seen.TargetPort = target
	}
	seen.Evidence = append(seen.Evidence, graph.Evidence{
		Source: traffic.Source(source), First: instant(first), Last: instant(last), Count: uint64(sightings),
	})
	return nil
}

func (r *reader) spell(rows *sql.Rows) error {
	var key ends
	var first, last int64
	if err := rows.Scan(&key.client, &key.server, &first, &last); err != nil {
		return err
	}
	if e := r.edges[key]; e != nil {
		e.Spells = append(e.Spells, graph.Spell{First: instant(first), Last: instant(last)})
	}
	return nil
}

// Reports returns the highest batch of each run of an agent that was heard since then.
func (s *Store) Reports(ctx context.Context, since time.Time) ([]Report, error) {
	rows, err := s.db.QueryContext(ctx, s.dialect("SELECT node, pod, epoch, seq, seen FROM reports WHERE seen >= $1 ORDER BY node, pod, epoch"), moment(since))
	if err != nil {
		return nil, fmt.Errorf("reading the reports: %w", err)
	}
	defer rows.Close()
	var all []Report
	for rows.Next() {
		var r Report
		var epoch, seq, seen int64
		if err := rows.Scan(&r.Node, &r.Pod, &epoch, &seq, &seen); err != nil {
			return nil, fmt.Errorf("reading the reports: %w", err)
		}
		r.Epoch, r.Seq, r.Seen = uint64(epoch), uint64(seq), instant(seen)
		all = append(all, r)
	}
	return all, rows.Err()
}
