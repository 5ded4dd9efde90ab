package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// openSQLite opens a file for this process alone.
func openSQLite(ctx context.Context, path string) (*Store, error) {
	s, err := trySQLite(ctx, path)
	if !damaged(err) {
		return s, err
	}
	aside := path + ".damaged-" + time.Now().UTC().Format("20060102T150405Z")
	if moveErr := moveAside(path, aside); moveErr != nil {
		return nil, fmt.Errorf("the file is damaged (%w) and cannot be moved aside: %w", err, moveErr)
	}
	cause := err
	if s, err = trySQLite(ctx, path); err == nil {
		s.notes = append(s.notes, fmt.Sprintf("the store was damaged (%v) and the map began anew; the old file is %s", cause, aside))
	}
	return s, err
}

func trySQLite(ctx context.Context, path string) (*Store, error) {
	db, err := sql.Open("sqlite", sqliteSource(path))
	if err != nil {
		return nil, err
	}
	// One connection is the one writer, and its lock on the file lasts as long as the connection.
	db.SetMaxOpenConns(1)
	db.SetConnMaxLifetime(0)
	s := &Store{db: db, kind: SQLite}
	if err = s.check(ctx); err == nil {
		err = s.prepare(ctx)
	}
	if err != nil {
		return nil, errors.Join(s.explain(err), db.Close())
	}
	return s, nil
}

// sqliteSource waits for a process that is about to end, keeps the file for itself, commits to the disk, and sorts in memory,
// since a container may have no other place to write to.
func sqliteSource(path string) string {
	source := url.URL{Scheme: "file", Opaque: path}
	source.RawQuery = url.Values{
		"_pragma": {"busy_timeout(3000)", "locking_mode(EXCLUSIVE)", "journal_mode(WAL)", "synchronous(FULL)", "temp_store(MEMORY)"},
		"_txlock": {"immediate"},
	}.Encode()
	return source.String()
}

// check takes the lock and looks at the structure of the file.
func (s *Store) check(ctx context.Context) error {
	var verdict string
	if err := s.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return damageError{verdict}
	}
	return nil
}

func (s *Store) explain(err error) error {
	if sqliteCode(err) == codes.SQLITE_BUSY {
		return ErrInUse
	}
	return err
}

// damageError is a file that opens and is not whole.
type damageError struct{ verdict string }

// Error implements error.
func (e damageError) Error() string { return e.verdict }

// damaged reports whether the file cannot be trusted, as opposed to one that cannot be reached.
func damaged(err error) bool {
	var found damageError
	code := sqliteCode(err)
	return errors.As(err, &found) || code == codes.SQLITE_CORRUPT || code == codes.SQLITE_NOTADB
}

// sqliteCode returns the primary result code, 0 for other errors.
func sqliteCode(err error) int {
	var failed *sqlite.Error
	if !errors.As(err, &failed) {
		return 0
	}
	return failed.Code() & 0xff
}

// moveAside renames a database and the files that belong to it.
func moveAside(path, aside string) error {
	if err := os.Rename(path, aside); err != nil {
		return err
	}
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
