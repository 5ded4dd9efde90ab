// Package store keeps the map where a restart finds it: one SQLite file, or a PostgreSQL database that several replicas
// share. Both have the same schema.
//
// It must not resolve, filter or interpret what it keeps: the laws of merging are those of graph, and every row merges by
// them, so that the order of transactions does not matter.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors that no waiting heals. Their text says what to do.
var (
	ErrInUse = errors.New("another process uses it; several replicas need --store=postgres://…")
	ErrNewer = errors.New("it was written by a newer version of Portolan")
)

// Store is an open database with the newest schema. It is safe for concurrent use.
type Store struct {
	db    *sql.DB
	kind  Kind
	notes []string
	began time.Time
}

// Open opens what target names, makes it if it is missing, and brings its schema up to date. ErrInUse and ErrNewer mean
// that trying again is of no use. A SQLite file that is damaged is moved aside; Notes tells where it went.
func Open(ctx context.Context, target Target) (*Store, error) {
	s, err := target.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening the store %s: %w", target, err)
	}
	return s, nil
}

// prepare brings the schema up to date and reads since when the store is kept.
func (s *Store) prepare(ctx context.Context) error {
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if _, err := s.db.ExecContext(ctx, s.dialect("UPDATE clock SET began = $1 WHERE began = 0"), time.Now().UnixNano()); err != nil {
		return err
	}
	var began int64
	if err := s.db.QueryRowContext(ctx, "SELECT began FROM clock").Scan(&began); err != nil {
		return err
	}
	s.began = time.Unix(0, began).UTC()
	return nil
}

// Shared reports whether other replicas write to the same store.
func (s *Store) Shared() bool { return s.kind == Postgres }

// Began returns when the store was made: what was not seen since then may have happened before.
func (s *Store) Began() time.Time { return s.began }

// Notes returns what a person should know of how the store was found, one sentence each.
func (s *Store) Notes() []string { return s.notes }

// Close ends the use of the store.
func (s *Store) Close() error { return s.db.Close() }

// within runs do in one transaction.
func (s *Store) within(ctx context.Context, options *sql.TxOptions, do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, ended(tx.Rollback()))
	}
	return tx.Commit()
}

// ended is no error when the transaction had ended by itself.
func ended(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// dialect writes a statement, which is in the words of PostgreSQL, in those of the database. Parameters come once each and in
// order, so that they need no numbers: SQLite looks a numbered one up among all.
func (s *Store) dialect(statement string) string {
	if s.kind == Postgres {
		return statement
	}
	statement = strings.NewReplacer("LEAST(", "min(", "GREATEST(", "max(").Replace(statement)
	parts := strings.Split(statement, "$")
	for i := range parts[1:] {
		parts[i+1] = strings.TrimLeft(parts[i+1], "0123456789")
	}
	return strings.Join(parts, "?")
}
