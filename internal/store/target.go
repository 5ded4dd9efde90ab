package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
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

// Parse reads "memory", a path, "sqlite:///path" or a PostgreSQL URL such as postgres://user:password@host:5432/database. Its
// errors do not repeat the text: it may hold a password, wherever that stands in what is no URL.
func Parse(text string) (Target, error) {
	text = strings.TrimSpace(text) // as a file ends that a Secret is made of
	scheme, rest, isURL := strings.Cut(text, "://")
	scheme = strings.ToLower(scheme)
	switch {
	case text == string(Memory):
		return Target{kind: Memory}, nil
	case isURL && (scheme == "postgres" || scheme == "postgresql"):
		if isTorn(rest) {
			return Target{}, errors.New("store: the PostgreSQL URL is torn by a character of its user or password; write %40 for @, %2F for /, %3F for ? and %23 for #")
		}
		return toPostgres(scheme + "://" + rest)
	case isURL && scheme == "sqlite":
		return toFile(rest)
	case isURL:
		return Target{}, errors.New("store: this kind of URL is not known; want memory, sqlite:///path, a path, or postgres://…")
	default:
		return toFile(text)
	}
}

// isTorn reports whether a URL without its scheme has an '@' where none belongs: a password that is not encoded ends early
// then, and its rest would be taken for a host or a database, and shown.
func isTorn(rest string) bool {
	location, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(location, "/")
	return strings.Count(authority, "@") > 1 || strings.Contains(authority, "#") || strings.Contains(path+query, "@")
}

func toPostgres(text string) (Target, error) {
	conn, err := pgx.ParseConfig(text)
	if err == nil {
		return Target{kind: Postgres, conn: conn}, nil
	}
	const want = "store: the PostgreSQL URL cannot be parsed; want for example postgres://user:password@host:5432/database"
	parts, unread := url.Parse(text)
	if unread != nil {
		return Target{}, errors.New(want)
	}
	cause := errors.Unwrap(err)
	if password, _ := parts.User.Password(); cause == nil || password != "" && strings.Contains(cause.Error(), password) {
		return Target{}, errors.New(want)
	}
	return Target{}, fmt.Errorf("%s: %w", want, cause)
}

func toFile(path string) (Target, error) {
	if !filepath.IsAbs(path) || strings.HasSuffix(path, "/") || strings.ContainsAny(path, "?#%") {
		return Target{}, errors.New("store: this is neither memory, nor a URL, nor the absolute path of a file; want for example sqlite:///var/lib/portolan/map.db")
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
