package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
)

// Report names a batch of an agent: one run of it, and the number of the batch in that run.
type Report struct {
	Node, Pod  string
	Epoch, Seq uint64
	Seen       time.Time // when it came
}

// Batch is what some reports changed: edges with the counts that they add, and with the spells that the map knows of them.
// It is stored as a whole or not at all.
type Batch struct {
	Reports []Report // at least one; usually there is just one
	Edges   []graph.Edge
}

// Group is what one transaction stores.
type Group struct {
	Batches []Batch
	Recollection

	Seen uint64 // the newest change that the writer has read
}

// Commit stores a group in one transaction. For each batch it returns whether it was stored before, by this or another
// replica: its facts are merged once more then, which changes nothing, and its counts are left out. change is the number of
// the transaction in the sequence of all. An error means that the transaction may or may not be stored; the same group can be
// committed again. Whoever has not read of the latest reset stores nothing.
func (s *Store) Commit(ctx context.Context, g Group) (duplicate []bool, change uint64, err error) {
	err = s.within(ctx, nil, func(tx *sql.Tx) error {
		if change, err = s.tick(ctx, tx); err != nil {
			return err
		}
		if err = s.current(ctx, tx, g.Seen); err != nil {
			return err
		}
		if duplicate, err = s.record(ctx, tx, g.Batches); err != nil {
			return err
		}
		if err = s.merge(ctx, tx, together(g.Batches, duplicate), change); err != nil {
			return err
		}
		return s.recollect(ctx, tx, g.Recollection, change)
	})
	return duplicate, change, err
}

// tick takes the next number of the sequence of changes. Others wait for it until tx ends.
func (s *Store) tick(ctx context.Context, tx *sql.Tx) (uint64, error) {
	var change int64
	err := tx.QueryRowContext(ctx, "UPDATE clock SET change = change + 1 WHERE id = 1 RETURNING change").Scan(&change)
	return uint64(change), err
}

// record notes the reports, and returns which batches were noted before.
func (s *Store) record(ctx context.Context, tx *sql.Tx, batches []Batch) ([]bool, error) {
	statement := s.dialect("INSERT INTO reports (node, pod, epoch, seq, seen) VALUES ($1, $2, $3, $4, $5)" +
		" ON CONFLICT (node, pod, epoch) DO UPDATE SET seq = excluded.seq, seen = excluded.seen WHERE reports.seq < excluded.seq")
	known := make([]bool, len(batches))
	for i, batch := range batches {
		for _, r := range batch.Reports {
			done, err := tx.ExecContext(ctx, statement, r.Node, r.Pod, int64(r.Epoch), int64(r.Seq), moment(r.Seen))
			if err != nil {
				return nil, err
			}
			rows, err := done.RowsAffected()
			if err != nil {
				return nil, err
			}
			known[i] = known[i] || rows == 0
		}
	}
	return known, nil
}

// together merges the batches into one list of edges, sorted, each edge once. Batches that were stored before add no counts.
func together(batches []Batch, duplicate []bool) []graph.Edge {
	all := graph.New(graph.Boundless())
	for i, batch := range batches {
		for _, e := range batch.Edges {
			if duplicate[i] {
				e = uncounted(e)
			}
			all.Restore(e)
		}
	}
	return all.History(graph.Filter{})
}

// uncounted returns a copy of the edge without counts.
func uncounted(e graph.Edge) graph.Edge {
	uses := make([]graph.Seen, len(e.Uses))
	for i, seen := range e.Uses {
		seen.Evidence = append([]graph.Evidence(nil), seen.Evidence...)
		for k := range seen.Evidence {
			seen.Evidence[k].Count = 0
		}
		uses[i] = seen
	}
	e.Uses = uses
	return e
}

// merge upserts the rows of sorted edges, in the order of their keys.
func (s *Store) merge(ctx context.Context, tx *sql.Tx, edges []graph.Edge, change uint64) error {
	w := s.newWriter(ctx, tx)
	for _, e := range edges {
		client, server, last := peerText(e.Client), peerText(e.Server), moment(e.Last)
		w.edges.add(client, server, e.HostNetwork, e.Private, count(e.Overflow), last, int64(change))
		for _, name := range e.Services {
			w.services.add(client, server, name, last)
		}
		for _, seen := range e.Uses {
			for _, v := range seen.Evidence {
				w.evidence.add(client, server, string(seen.Use.Act), string(seen.Use.Protocol), int64(seen.Use.Port), seen.Use.Name,
					string(v.Source), int64(seen.TargetPort), moment(v.First), moment(v.Last), count(v.Count))
			}
		}
		for _, spell := range e.Spells {
			w.spells.add(client, server, moment(spell.First), moment(spell.Last))
		}
		if len(e.Spells) == graph.MaxSpells {
			if err := s.join(ctx, tx, client, server, e.Spells[0]); err != nil {
				return err
			}
		}
	}
	return w.flush()
}

// join forgets the spells that the oldest one has taken in, so that an edge has a bounded number of rows.
func (s *Store) join(ctx context.Context, tx *sql.Tx, client, server string, oldest graph.Spell) error {
	_, err := tx.ExecContext(ctx, s.dialect("DELETE FROM spells WHERE client = $1 AND server = $2 AND first_seen > $3 AND last_seen <= $4"),
		client, server, moment(oldest.First), moment(oldest.Last))
	return err
}

// writer fills the four tables of the map.
type writer struct{ edges, services, evidence, spells *filler }

func (s *Store) newWriter(ctx context.Context, tx *sql.Tx) *writer {
	return &writer{
		edges: s.filler(ctx, tx, edgeTable()), services: s.filler(ctx, tx, serviceTable()),
		evidence: s.filler(ctx, tx, evidenceTable()), spells: s.filler(ctx, tx, spellTable()),
	}
}

func (w *writer) flush() error { return flushAll(w.edges, w.services, w.evidence, w.spells) }

// flushAll writes what is left in each.
func flushAll(all ...*filler) error {
	for _, f := range all {
		if err := f.flush(); err != nil {
			return fmt.Errorf("storing %s: %w", f.table.name, err)
		}
	}
	return nil
}

// filler upserts rows of one table, many in one statement.
type filler struct {
	table   table
	dialect func(statement string) string
	exec    func(statement string, values []any) error
	full    string // the statement of a full chunk
	values  []any
	err     error
}

// filler returns one for a table.
func (s *Store) filler(ctx context.Context, tx *sql.Tx, t table) *filler {
	return &filler{
		table: t, dialect: s.dialect,
		exec: func(statement string, values []any) error {
			_, err := tx.ExecContext(ctx, statement, values...)
			return err
		},
	}
}

// chunkRows is how many rows one statement holds. PostgreSQL and SQLite take some 32,000 values in one.
const chunkRows = 128

func (f *filler) add(values ...any) {
	f.values = append(f.values, values...)
	if len(f.values) == chunkRows*f.table.width {
		if f.full == "" {
			f.full = f.dialect(f.table.statement(chunkRows))
		}
		f.run(f.full)
	}
}

func (f *filler) run(statement string) {
	if f.err == nil {
		f.err = f.exec(statement, f.values)
	}
	f.values = f.values[:0]
}

func (f *filler) flush() error {
	if rows := len(f.values) / f.table.width; rows > 0 {
		f.run(f.dialect(f.table.statement(rows)))
	}
	return f.err
}
