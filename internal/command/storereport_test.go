package command

import (
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/query"
)

func TestTheStoreIsToldOfInTheStatus(t *testing.T) {
	began := atSeven().Add(-60 * 24 * time.Hour)
	const problem = "sqlite /var/lib/portolan/map.db: database or disk is full (13)"
	for name, tc := range map[string]struct {
		store    query.Store
		want     string
		degraded bool
	}{
		"an operator that does not tell": {query.Store{}, "213 edges since 2026-11-13T07:00:00Z", false},
		"a file that works":              {query.Store{Kind: "sqlite", Began: began}, "213 edges since 2026-09-21T07:00:00Z; store sqlite ok", false},
		"a database that works":          {query.Store{Kind: "postgres", Began: began}, "213 edges since 2026-09-21T07:00:00Z; store postgres ok", false},
		"memory": {
			query.Store{Kind: "memory", Began: atSeven().Add(-time.Hour)},
			"213 edges since 2026-11-20T06:00:00Z; store memory: a restart forgets them", false,
		},
		"a full disk": {
			query.Store{Kind: "sqlite", Began: began, Problem: problem, Since: atSeven().Add(-5 * time.Minute), Waiting: 12},
			"213 edges since 2026-09-21T07:00:00Z; store " + problem + " (for 5m the map works from memory, which a restart would lose; 12 batches wait for the store)", true,
		},
		"a lost database": {
			query.Store{Kind: "postgres", Began: began, Problem: "postgres db:5432/chart: connection refused", Contact: atSeven().Add(-time.Hour)},
			"213 edges since 2026-09-21T07:00:00Z; store postgres db:5432/chart: connection refused" +
				" (the map is as of 2026-11-20T06:00:00Z; agents keep what they see and send it when the store answers again)", true,
		},
		"a file that was damaged": {
			query.Store{Kind: "sqlite", Began: began, Notes: []string{"the store was damaged and the map began anew"}},
			"213 edges since 2026-09-21T07:00:00Z; store sqlite: the store was damaged and the map began anew", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := well()
			s.Store = tc.store
			got := diagnose(s, installation{})
			if note := got.Components[1].Notes[0]; note != tc.want || got.Degraded != tc.degraded {
				t.Errorf("degraded: %t, want %t; note\n%s, want\n%s", got.Degraded, tc.degraded, note, tc.want)
			}
		})
	}
}
