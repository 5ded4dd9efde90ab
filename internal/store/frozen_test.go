package store

import (
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/portolan-io/portolan/internal/graph"
)

// freeze writes a copy of a store of the newest schema into testdata/frozen: go test ./internal/store -run Frozen -freeze.
// That is done once for each version of the schema, before it is released.
var freeze = flag.Bool("freeze", false, "write a frozen copy of the newest schema if there is none")

func frozenFile(version int, suffix string) string {
	return filepath.Join("testdata", "frozen", fmt.Sprintf("v%04d.%s", version, suffix))
}

// TestEveryFrozenStoreComesForward loads a store of every released version and opens it with this one.
func TestEveryFrozenStoreComesForward(t *testing.T) {
	all, err := steps()
	if err != nil {
		t.Fatal(err)
	}
	if *freeze {
		writeFrozen(t, len(all))
	}
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		for _, step := range all {
			content, err := os.ReadFile(frozenFile(step.version, "sql"))
			if err != nil {
				t.Fatalf("%v: run go test ./internal/store -run Frozen -freeze, and commit what it writes", err)
			}
			target := newTarget(t)
			load(t, target, string(content))
			s := open(t, target)
			got, want := contents(t, s), readEdges(t, frozenFile(step.version, "json"))
			if diff := diffEdges(got, want); diff != "" || len(want) == 0 {
				t.Errorf("version %d came forward with (-got +want):\n%s", step.version, diff)
			}
			if reports, err := s.Reports(t.Context(), t0()); err != nil || len(reports) != 1 || reports[0].Seq != 7 {
				t.Errorf("version %d came forward with reports %v, error %v; want batch 7", step.version, reports, err)
			}
			if step.version >= 2 {
				want := beside()
				if step.version < 3 {
					want.Agents = nil
				}
				if diff := cmp.Diff(recollectionOf(t, s), want, equateRecollections()); diff != "" {
					t.Errorf("version %d came forward with (-got +want):\n%s", step.version, diff)
				}
			}
			commit(t, s, batchOf("n1", 8, various()...))
			remember(t, s, beside())
		}
	})
}

// load fills an empty database.
func load(t *testing.T, target, statements string) {
	t.Helper()
	where := parse(t, target)
	db, err := sql.Open("sqlite", sqliteSource(where.path))
	if where.kind == Postgres {
		db = stdlib.OpenDB(*where.conn)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

func readEdges(t *testing.T, path string) []graph.Edge {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var edges []graph.Edge
	if err := json.Unmarshal(text, &edges); err != nil {
		t.Fatal(err)
	}
	return edges
}

func writeFrozen(t *testing.T, version int) {
	t.Helper()
	path := frozenFile(version, "sql")
	if _, err := os.Stat(path); err == nil {
		t.Fatalf("%s is there: a released version never changes", path)
	}
	s := open(t, filepath.Join(t.TempDir(), "map.db"))
	commit(t, s, batchOf("n1", 7, various()...))
	remember(t, s, beside())
	edges, err := json.MarshalIndent(contents(t, s), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{path: dump(t, s), frozenFile(version, "json"): string(edges) + "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// dump writes all of a SQLite database as statements that both databases read.
func dump(t *testing.T, s *Store) string {
	t.Helper()
	var out strings.Builder
	for _, statement := range column(t, s, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid") {
		fmt.Fprintf(&out, "%s;\n", statement)
	}
	for _, table := range column(t, s, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name") {
		rows, err := s.db.QueryContext(t.Context(), "SELECT * FROM "+table)
		if err != nil {
			t.Fatal(err)
		}
		types, err := rows.ColumnTypes()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, places := make([]any, len(types)), make([]any, len(types))
			for i := range values {
				places[i] = &values[i]
			}
			if err := rows.Scan(places...); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, "INSERT INTO %s (%s) VALUES (%s);\n", table, columns(types), literals(types, values))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func columns(types []*sql.ColumnType) string {
	names := make([]string, len(types))
	for i, column := range types {
		names[i] = column.Name()
	}
	return strings.Join(names, ", ")
}

func literals(types []*sql.ColumnType, values []any) string {
	all := make([]string, len(values))
	for i, value := range values {
		text, isText := value.(string)
		switch {
		case isText:
			all[i] = "'" + strings.ReplaceAll(text, "'", "''") + "'"
		case types[i].DatabaseTypeName() == "BOOLEAN":
			all[i] = strings.ToUpper(strconv.FormatBool(value == any(true) || value == any(int64(1))))
		default:
			all[i] = fmt.Sprint(value)
		}
	}
	return strings.Join(all, ", ")
}

func column(t *testing.T, s *Store, query string) []string {
	t.Helper()
	rows, err := s.db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	return all
}
