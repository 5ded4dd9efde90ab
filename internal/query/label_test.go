package query

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/query/querypb"
)

func TestALabelHasOneValueOrAny(t *testing.T) {
	labels := map[string]string{"tier": "data", "empty": ""}
	for text, want := range map[string]bool{
		"tier": true, "tier=data": true, "tier=web": false, "tier=": false, "empty": true, "empty=": true, "other": false, "Tier": false,
	} {
		l, err := ParseLabel(text)
		if got := l.On(labels); err != nil || got != want {
			t.Errorf("%s: %t, error %v; want %t", text, got, err, want)
		}
	}
	for _, text := range []string{"", "=data"} {
		if _, err := ParseLabel(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// TestLabelsLeaveEdgesOut compares what comes back with the whole map: the edges to the ledger, and nothing else, go.
func TestLabelsLeaveEdgesOut(t *testing.T) {
	client := serve(t, newOperator(3))
	_, all, err := client.Edges(t.Context(), graph.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for text, gone := range map[string]int{"tier=data": 3, "tier": 3, "tier=web": 0} {
		_, edges, err := client.Edges(t.Context(), graph.Filter{}, "app=web", text)
		if err != nil || len(edges) != len(all)-gone {
			t.Errorf("%s leaves %d of %d edges, error %v; want %d", text, len(edges), len(all), err, len(all)-gone)
		}
		if gone > 0 && slices.ContainsFunc(edges, func(e graph.Edge) bool { return e.Server.Workload.Name == "ledger" }) {
			t.Errorf("%s leaves an edge to the ledger", text)
		}
	}
	if _, then, err := client.At(t.Context(), t0(), graph.Filter{}, "tier"); err != nil || len(then) != 1 {
		t.Errorf("%d edges then, error %v; want the one to the outside", len(then), err)
	}
	if _, changes, err := client.Changes(t.Context(), Period{From: t0().Add(-1), To: t0().Add(1)}, graph.Filter{}, "tier"); err != nil || len(changes.Changes) != 1 {
		t.Errorf("%d changes, error %v; want the one of the edge to the outside", len(changes.Changes), err)
	}
}

func TestLabelsThatAreNoneAreRefused(t *testing.T) {
	for _, labels := range [][]string{{"=x"}, slices.Repeat([]string{"a"}, maxLabels+1)} {
		_, _, err := serve(t, newOperator(1)).Edges(t.Context(), graph.Filter{}, labels...)
		var answer *AnswerError
		if !errors.As(err, &answer) || answer.Status != http.StatusBadRequest || !strings.Contains(answer.Message, "without_labels: ") {
			t.Errorf("%d labels: %v, want a 400 that names the field", len(labels), err)
		}
	}
}

func TestAnOperatorThatDoesNotLookAtLabelsIsNotBelieved(t *testing.T) {
	if err := whole(nil, &querypb.Basis{}, []string{"a"}); !errors.Is(err, errUnlabelled) {
		t.Errorf("error %v, want %v", err, errUnlabelled)
	}
	if err := whole(nil, &querypb.Basis{}, nil); err != nil {
		t.Errorf("error %v where no label was asked for", err)
	}
	if err := whole(connect.NewError(connect.CodeInternal, errors.New("x")), nil, nil); err == nil {
		t.Error("an error is none")
	}
}
