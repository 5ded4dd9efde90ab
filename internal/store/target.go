package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Kind is what the map is kept in.
type Kind string

// The kinds.
const (
	Memory   Kind = "memory" // a restart forgets
	SQLite   Kind = "sqlite"
	Postgres Kind = "postgres"
)

// Target says which store to use. The zero Target is memory.
type Target struct {
	kind Kind
	path string          // of a SQLite file
	conn *pgx.ConnConfig // of PostgreSQL
}

// Parse reads "memory", a path, "sqlite:///path" or a PostgreSQL URL such as postgres://user:password@host:5432/database.
func Parse(text string) (Target, error) {
	scheme, rest, isURL := strings.Cut(text, "://")
	switch {
	case text == string(Memory):
		return Target{kind: Memory}, nil
	case isURL && (scheme == "postgres" || scheme == "postgresql"):
		if isTorn(rest) {
			return Target{}, errors.New("store: the PostgreSQL URL is torn by a character of its user or password; write %40 for @, %2F for /, %3F for ? and %23 for #")
		}
		conn, err := pgx.ParseConfig(text)
		if err != nil {
			return Target{}, fmt.Errorf("store: %w", err)
		}
		return Target{kind: Postgres, conn: conn}, nil
	case isURL && scheme == "sqlite":
		return toFile(rest)
	case isURL:
		return Target{}, fmt.Errorf("store: %s:// is not known; want memory, sqlite:///path, a path, or postgres://…", scheme)
	default:
		return toFile(text)
	}
}

// isTorn reports whether a URL without its scheme has an '@' where none belongs: a password that is not encoded ends early
// then, and its rest would be taken for a host or a database, and shown.
func isTorn(rest string) bool {
	location, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(location, "/")
	switch ats := strings.Count(authority, "@"); {
	case ats > 1, strings.Contains(authority, "#"), strings.Contains(path, "@"):
		return true
	default:
		return ats == 0 && strings.Contains(query, "@")
	}
}

func toFile(path string) (Target, error) {
	if !filepath.IsAbs(path) || strings.HasSuffix(path, "/") || strings.ContainsAny(path, "?#%") {
		return Target{}, fmt.Errorf("store: %q is no absolute path of a file; want for example sqlite:///var/lib/portolan/map.db", path)
	}
	return Target{kind: SQLite, path: path}, nil
}

// Kind returns what the target is; Memory for the zero Target.
func (t Target) Kind() Kind {
	if t.kind == "" {
		return Memory
	}
	return t.kind
}

// String names the target without secrets.
func (t Target) String() string {
	switch t.kind {
	case Postgres:
		return "postgres " + net.JoinHostPort(t.conn.Host, strconv.Itoa(int(t.conn.Port))) + "/" + t.conn.Database
	case SQLite:
		return "sqlite " + t.path
	case Memory:
	}
	return string(Memory)
}

func (t Target) open(ctx context.Context) (*Store, error) {
	switch t.kind {
	case Postgres:
		return openPostgres(ctx, t.conn)
	case SQLite:
		return openSQLite(ctx, t.path)
	case Memory:
	}
	return nil, fmt.Errorf("%s is no store", t.Kind())
}
