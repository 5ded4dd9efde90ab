package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestADamagedFileIsMovedAside(t *testing.T) {
	for name, damage := range map[string]func(content []byte) []byte{
		"nonsense":                 func([]byte) []byte { return []byte(strings.Repeat("this is no database ", 1000)) },
		"a page of zeros":          func(c []byte) []byte { clear(c[4096:8192]); return c },
		"the second half is gone":  func(c []byte) []byte { return c[:len(c)/2/4096*4096] },
		"the first page is broken": func(c []byte) []byte { clear(c[:100]); return c },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "map.db")
			s := open(t, path)
			commit(t, s, batchOf("n1", 1, various()...))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(content), 0o600); err != nil {
				t.Fatal(err)
			}
			r := newReplica(t, path)
			notes := r.State().Notes
			aside, err := filepath.Glob(path + ".damaged-*Z")
			if err != nil || len(aside) != 1 {
				t.Fatalf("moved aside: %v, error %v; want one file with a time stamp", aside, err)
			}
			if len(notes) != 1 || !strings.Contains(notes[0], aside[0]) || !strings.Contains(notes[0], "damaged") {
				t.Errorf("notes %q, want where the old file went", notes)
			}
			r.run(t)
			wait(t, r.take(t, "n1", 1, recently("a", "b", time.Hour)))
			if got := len(contents(t, r.store)); got != 1 {
				t.Errorf("the new store has %d edges, want the one that came", got)
			}
		})
	}
}

func TestANewerSchemaIsRefusedInWords(t *testing.T) {
	onEach(t, func(t *testing.T, newTarget func(testing.TB) string) {
		target := newTarget(t)
		s := open(t, target)
		if _, err := s.db.ExecContext(t.Context(), "INSERT INTO schema_version (version) VALUES (1000)"); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), parse(t, target))
		if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "version 1000") || !strings.Contains(err.Error(), "run the newer version") {
			t.Errorf("Open = %v, want what is wrong and what to do", err)
		}
	})
}

// TestAStoreThatIsDamagedUnderWayIsWrittenAnew damages the file while it is open, and finds all of the map in the new one.
func TestAStoreThatIsDamagedUnderWayIsWrittenAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "map.db")
	r := newReplica(t, path)
	stop := r.run(t)
	for i := range 50 {
		wait(t, r.take(t, "n1", uint64(i+1), recently(fmt.Sprintf("client-%d", i), "b", time.Hour)))
	}
	stop()
	if _, err := r.store.db.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.db.ExecContext(t.Context(), "PRAGMA shrink_memory"); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(content[4096:])
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	stop = r.run(t)
	wait(t, r.take(t, "n1", 51, recently("one-more", "b", time.Hour)))
	until(t, "the store is written anew", func() bool {
		s := r.State()
		return len(s.Notes) == 1 && s.Problem == "" && s.Waiting == 0
	})
	stop()
	if diff := diffEdges(contents(t, r.store), r.view()); diff != "" || len(r.view()) != 51 {
		t.Errorf("the new store has (-got +want):\n%s", diff)
	}
}

func TestTargets(t *testing.T) {
	for text, want := range map[string]string{
		"memory":                             "memory",
		"/var/lib/map.db":                    "sqlite /var/lib/map.db",
		"sqlite:///var/lib/map.db":           "sqlite /var/lib/map.db",
		"postgres://me:secret@db:5433/chart": "postgres db:5433/chart",
		"postgresql://me:secret@[::1]/chart": "postgres [::1]:5432/chart",
		"Postgres://me:secret@db/chart":      "postgres db:5432/chart",
	} {
		if got := parse(t, text).String(); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
	if got := parse(t, " memory\n").Kind(); got != Memory { // as a file ends that a Secret is made of
		t.Errorf("memory with a line break is %s", got)
	}
	for text, want := range map[string]string{
		"":                                  "the absolute path",
		"map.db":                            "the absolute path",
		"sqlite://map.db":                   "the absolute path",
		"/var/lib/":                         "the absolute path",
		"/map.db?mode=ro":                   "the absolute path",
		"host=db user=me password=secret":   "the absolute path",
		"me:secret@db/chart":                "the absolute path",
		"postgres:/me:secret@db/chart":      "the absolute path",
		"sqlite://me:secret@db":             "the absolute path",
		"mysql://me:secret@db/chart":        "want memory, sqlite:///path, a path, or postgres://",
		"postgres://:0:0/nix":               "cannot be parsed; want",
		"postgres://me:secret/chart":        "cannot be parsed; want",
		"postgres://db/x?sslrootcert=/none": "/none",
		"postgres://me:p@secret/w:d@db/x":   "%40",
		"postgres://me:secret/w@db/chart":   "%2F",
		"postgres://me:secret?w@db/chart":   "%3F",
		"postgres://me@corp:12?secret@db/x": "%3F",
		"postgres://me:secret#w@db/chart":   "%23",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("Parse(%q) tells the password", text)
		}
	}
}
