package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
)

// Reset says that people cleared the edges of a namespace, or all edges where it is empty.
type Reset struct {
	Namespace string
	At        time.Time
}

// errCleared keeps who has not heard of a reset from writing what was cleared.
var errCleared = errors.New("the map was cleared by another replica")

// Reset clears the edges of those namespaces and their history: of the client's, or of the server's when the client is
// outside. Without a namespace it clears all, and the map begins at now. It returns the number of the change. The batches that
// were stored stay known.
func (s *Store) Reset(ctx context.Context, namespaces []string, now time.Time) (change uint64, err error) {
	err = s.within(ctx, nil, func(tx *sql.Tx) error {
		if change, err = s.tick(ctx, tx); err != nil {
			return err
		}
		if len(namespaces) == 0 {
			if _, err := tx.ExecContext(ctx, s.dialect("UPDATE clock SET began = $1 WHERE id = 1"), moment(now)); err != nil {
				return err
			}
			return s.clear(ctx, tx, change, "", now)
		}
		for _, namespace := range namespaces {
			if err := s.clear(ctx, tx, change, namespace, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("clearing the map in the store: %w", err)
	}
	return change, nil
}

// clear deletes what belongs to a namespace, or everything where it is empty, and notes that for the other replicas.
func (s *Store) clear(ctx context.Context, tx *sql.Tx, change uint64, namespace string, now time.Time) error {
	where, values := "", []any(nil)
	if namespace != "" {
		home := inside + namespace + "/"
		where = fmt.Sprintf(" WHERE SUBSTR(client, 1, %[1]d) = $1 OR SUBSTR(client, 1, %[2]d) <> $2 AND SUBSTR(server, 1, %[1]d) = $3", len(home), len(inside))
		values = []any{home, inside, home}
	}
	for _, name := range mapTables() {
		if _, err := tx.ExecContext(ctx, s.dialect("DELETE FROM "+name+where), values...); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, s.dialect("INSERT INTO resets (change, namespace, happened) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"),
		int64(change), namespace, moment(now))
	return err
}

// current returns errCleared if the map was cleared after that change.
func (s *Store) current(ctx context.Context, tx *sql.Tx, seen uint64) error {
	var later int
	if err := tx.QueryRowContext(ctx, s.dialect("SELECT COUNT(*) FROM resets WHERE change > $1"), int64(seen)).Scan(&later); err != nil {
		return err
	}
	if later > 0 {
		return errCleared
	}
	return nil
}

// reset reads a row of resets.
func (r *reader) reset(rows *sql.Rows) error {
	var one Reset
	var at int64
	if err := rows.Scan(&one.Namespace, &at); err != nil {
		return err
	}
	one.At = instant(at)
	r.news.Resets = append(r.news.Resets, one)
	return nil
}

// clearing is a reset that somebody waits for.
type clearing struct {
	namespaces []string
	done       chan struct{}
	cleared    int
	err        error
}

// Reset clears the edges of those namespaces, or all where there are none, from the graph and the store, and from those of the
// other replicas. It returns how many edges this graph had. An error means that they are still there, or that nobody knows.
// Run does the work.
func (j *Journal) Reset(ctx context.Context, namespaces []string) (int, error) {
	c := &clearing{namespaces: namespaces, done: make(chan struct{})}
	select {
	case j.clearings <- c:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	select {
	case <-c.done:
		return c.cleared, c.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// clear does what Reset waits for. What is on its way to the store goes before the reset.
func (j *Journal) clear(ctx context.Context, c *clearing) {
	defer close(c.done)
	now := time.Now()
	if j.state.Kind != Memory {
		if c.err = j.clearStore(ctx, c.namespaces, now); c.err != nil {
			return
		}
	}
	c.cleared = j.drop(c.namespaces, now)
}

func (j *Journal) clearStore(ctx context.Context, namespaces []string, now time.Time) error {
	if j.store == nil {
		return fmt.Errorf("%w: %s", ErrUnavailable, j.State().Problem)
	}
	_, err := j.flush(ctx)
	if err == nil {
		limited, cancel := context.WithTimeout(ctx, commitLimit)
		defer cancel()
		var change uint64
		if change, err = j.store.Reset(limited, namespaces, now); err == nil {
			j.follow(change)
			return nil
		}
	}
	j.failed(err)
	j.endure(err)
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// drop clears namespaces, or all where there are none, from the graph. What waits for the store comes after the reset, so it
// stays.
func (j *Journal) drop(namespaces []string, at time.Time) int {
	j.cut.Lock()
	defer j.cut.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.resets++
	if len(namespaces) == 0 {
		j.state.Began = at
	}
	gone := j.options.Graph.Reset(namespaces...)
	for _, r := range j.waiting {
		j.restore(r.batch.Edges, namespaces)
	}
	j.restore(j.loose.History(graph.Filter{}), namespaces)
	return gone
}

// restore puts those edges back that belong to the namespaces, or all where there are none.
func (j *Journal) restore(edges []graph.Edge, namespaces []string) {
	for _, e := range edges {
		if len(namespaces) == 0 || slices.Contains(namespaces, e.Home().Namespace) {
			j.options.Graph.Restore(e)
		}
	}
}
