package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// migrations holds one file per version of the schema, named NNNN_title.sql. A file never changes once it was released: the
// next version is the next file, and testdata/frozen gets a copy of a store of each.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock is the advisory lock under which replicas bring the schema up to date, one after the other.
const migrationLock = 0x706f72746f6c616e

// migration is one step of the schema.
type migration struct {
	version int
	text    string
}

// steps returns all migrations in order.
func steps() ([]migration, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	all := make([]migration, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("%s: want version %d", name, i+1)
		}
		text, err := fs.ReadFile(migrations, name)
		if err != nil {
			return nil, err
		}
		all[i] = migration{version: version, text: string(text)}
	}
	return all, nil
}

// migrate takes the steps that the store has not taken, all in one transaction.
func (s *Store) migrate(ctx context.Context) error {
	all, err := steps()
	if err != nil {
		return err
	}
	return s.within(ctx, nil, func(tx *sql.Tx) error {
		have, err := s.version(ctx, tx)
		if err != nil {
			return err
		}
		if have > len(all) {
			return fmt.Errorf("%w: its schema is version %d and this one knows versions up to %d; run the newer version, or another store", ErrNewer, have, len(all))
		}
		for _, step := range all[have:] {
			if _, err := tx.ExecContext(ctx, step.text); err != nil {
				return fmt.Errorf("bringing the schema to version %d: %w", step.version, err)
			}
			if _, err := tx.ExecContext(ctx, s.dialect("INSERT INTO schema_version (version) VALUES ($1)"), step.version); err != nil {
				return err
			}
		}
		return nil
	})
}

// version returns which version the schema has, 0 for an empty database. No other replica migrates until tx ends.
func (s *Store) version(ctx context.Context, tx *sql.Tx) (int, error) {
	if s.kind == Postgres {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
			return 0, err
		}
	}
	if _, err := tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY)"); err != nil {
		return 0, err
	}
	var have int
	err := tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(version), 0) FROM schema_version").Scan(&have)
	return have, err
}
