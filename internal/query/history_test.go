package query

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/portolan-io/portolan/internal/graph"
)

func TestTheMapAsItWasIsAskedFor(t *testing.T) {
	source := newOperator(3)
	client := serve(t, source)
	basis, before, err := client.At(t.Context(), t0().Add(-time.Second), graph.Filter{})
	if err != nil || len(before) != 0 || basis.Version != "v1.4.0" {
		t.Errorf("before the beginning there are %d edges, basis %+v, error %v; want none", len(before), basis, err)
	}
	_, then, err := client.At(t.Context(), t0(), graph.Filter{InsideOnly: true})
	if err != nil || len(then) != 3 {
		t.Errorf("at the beginning there are %d edges, error %v; want the three inside", len(then), err)
	}
}

func TestChangesComeInPages(t *testing.T) {
	source := newOperator(2*pageUses + 7)
	period := Period{From: t0().Add(-time.Hour), To: t0().Add(time.Hour)}
	basis, got, err := serve(t, source).Changes(t.Context(), period, graph.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	want := source.Changes(period, graph.Filter{})
	ignored := cmpopts.IgnoreFields(graph.Edge{}, "Spells") // readers of changes have the turn
	if diff := cmp.Diff(got, want, cmpopts.EquateComparable(netip.Addr{}), ignored, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("changes (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(basis, source.basis); diff != "" || len(got.Changes) != 2*pageUses+8 {
		t.Errorf("%d changes; basis (-got +want):\n%s", len(got.Changes), diff)
	}
}

func TestNoChangeIsAnAnswer(t *testing.T) {
	_, got, err := serve(t, newOperator(3)).Changes(t.Context(), Period{From: t0(), To: t0().Add(time.Hour)}, graph.Filter{})
	if err != nil || len(got.Changes) != 0 || got.Same != 4 {
		t.Errorf("changes %+v, error %v; want none and four the same", got, err)
	}
}

func TestAPeriodHasABeginningAndAnEnd(t *testing.T) {
	for _, period := range []Period{{}, {From: t0()}, {From: t0(), To: t0()}, {From: t0().Add(1), To: t0()}} {
		_, _, err := serve(t, newOperator(1)).Changes(t.Context(), period, graph.Filter{})
		var answer *AnswerError
		if !errors.As(err, &answer) || answer.Status != http.StatusBadRequest || !strings.Contains(answer.Message, "want a time before to") {
			t.Errorf("changes in %+v: %v, want a 400", period, err)
		}
	}
}

func TestChangesBeginWithTheFirstOfThem(t *testing.T) {
	source := newOperator(1)
	for name, tc := range map[string]struct{ from, want time.Time }{
		"what is kept begins before all changes": {t0().Add(-30 * time.Minute), t0().Add(-30 * time.Minute)},
		"what is kept begins after one":          {t0().Add(4 * time.Second), t0()},
	} {
		t.Run(name, func(t *testing.T) {
			source.basis.From = tc.from
			basis, _, err := serve(t, source).Changes(t.Context(), Period{From: t0().Add(-time.Hour), To: t0().Add(time.Hour)}, graph.Filter{})
			if err != nil || !basis.From.Equal(tc.want) {
				t.Errorf("From = %s and error %v, want %s", basis.From, err, tc.want)
			}
		})
	}
}
