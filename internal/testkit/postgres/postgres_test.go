package postgres

import (
	"strings"
	"testing"
)

func TestAServerKeepsWhatItHasOverAStop(t *testing.T) {
	s := Start(t)
	url := s.NewDatabase(t)
	psql := func(statement string) string {
		text, err := s.command("psql", "-X", "-A", "-t", url, "-c", statement).CombinedOutput()
		if err != nil {
			t.Fatalf("psql: %v\n%s", err, text)
		}
		return strings.TrimSpace(string(text))
	}
	psql("CREATE TABLE kept (n integer)")
	psql("INSERT INTO kept VALUES (7)")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if text, err := s.command("psql", "-X", url, "-c", "SELECT 1").CombinedOutput(); err == nil {
		t.Errorf("a stopped server answers: %s", text)
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	if got := psql("SELECT n FROM kept"); got != "7" {
		t.Errorf("after a stop there is %q, want 7", got)
	}
}
