package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// heard is a state with everything that an agent can say of itself.
func heard(node string, after time.Duration) AgentState {
	return AgentState{
		Agent: Agent{Node: node, Pod: "agent-" + node, Version: "v1"}, Epoch: 1<<64 - 1, LastSeen: nine.Add(after), Skew: -time.Second, Acknowledged: 7,
		Status: Status{
			Counters: []Counter{{Source: "syn", Reason: "queue-full", Dropped: true, Value: 3}},
			Sources:  []SourceState{{Source: "dns", Running: true}, {Source: "syn", Message: "it's not permitted"}},
		},
		Unknown: Unknown{Fields: 2, Names: []string{`field "zone" of agent`}},
	}
}

func TestARecordKeepsAllOfAState(t *testing.T) {
	want := heard("n1", 0)
	record := want.record()
	got, err := record.read()
	if diff := cmp.Diff(got, want); diff != "" || err != nil {
		t.Errorf("error %v (-got +want):\n%s", err, diff)
	}
	// Stores have this text: a change has to read it still.
	const stored = `{"pod":"agent-n1","version":"v1","epoch":18446744073709551615,"skew":-1000000000,"acknowledged":7,` +
		`"counters":[{"Source":"syn","Reason":"queue-full","Dropped":true,"Value":3}],` +
		`"sources":[{"Source":"dns","Running":true,"Message":""},{"Source":"syn","Running":false,"Message":"it's not permitted"}],` +
		`"unknown":{"Fields":2,"Names":["field \"zone\" of agent"]}}`
	if record.State != stored {
		t.Errorf("the record says\n%s, want\n%s", record.State, stored)
	}
}

func TestTheRosterTakesInWhatOthersHeard(t *testing.T) {
	here, there := NewRoster(), NewRoster()
	here.note(heard("n1", time.Minute))
	here.note(heard("n2", 0))
	there.note(heard("n1", 0))
	there.note(heard("n2", time.Minute))
	there.note(heard("n3", 0))
	now := nine.Add(2 * time.Minute)
	records := there.Unkept(false, now)
	records = append(records, Record{Node: "n4", Seen: nine, State: "{"}, Record{Node: "", Seen: nine, State: "{}"},
		Record{Node: "n5", Seen: nine.Add(-forgetAfter), State: "{}"}, Record{Node: "n6", Seen: nine.Add(time.Hour), State: "{}"})
	if err := here.Recall(records, now); err == nil || !strings.HasPrefix(err.Error(), `2 of 7 cannot be read: agent of node "n4": `) {
		t.Errorf("error %v, want one of n4 and the node without a name", err)
	}
	ahead := AgentState{Agent: Agent{Node: "n6"}, LastSeen: now}
	want := []AgentState{heard("n1", time.Minute), heard("n2", time.Minute), heard("n3", 0), ahead}
	if diff := cmp.Diff(here.list(now), want); diff != "" {
		t.Errorf("the roster has (-got +want):\n%s", diff)
	}
	if got := here.Unkept(false, now); len(got) != 1 || got[0].Node != "n1" {
		t.Errorf("it gives away %v, want n1 alone: the others were heard elsewhere", got)
	}
	if got := here.Unkept(true, now); len(got) != 4 {
		t.Errorf("as a whole it gives away %v, want all four", got)
	}
}

func TestAStateIsKeptEveryFiveSeconds(t *testing.T) {
	r := NewRoster()
	for _, step := range []struct {
		after time.Duration
		heard bool
		want  int
	}{{0, true, 1}, {keepEvery - 1, true, 0}, {keepEvery, false, 1}, {3 * keepEvery, false, 0}, {3*keepEvery + 1, true, 1}} {
		if step.heard {
			r.note(heard("n1", step.after))
		}
		if got := r.Unkept(false, nine.Add(step.after)); len(got) != step.want {
			t.Errorf("after %s: %d states, want %d", step.after, len(got), step.want)
		}
	}
}

func TestTheRosterIsBoundedWhoeverHeard(t *testing.T) {
	r := &Roster{limit: 2}
	records := []Record{heard("n1", 2).record(), heard("n2", 1).record(), heard("n3", 3).record(), heard("n4", 0).record()}
	if err := r.Recall(records, nine.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if got := r.list(nine.Add(time.Second)); len(got) != 2 || got[0].Node != "n1" || got[1].Node != "n3" {
		t.Errorf("the roster has %v, want the two that were heard last", got)
	}
}

func FuzzARecordIsReadOrRefused(f *testing.F) {
	f.Add("n1", heard("n1", 0).record().State)
	f.Add("", "{}")
	f.Add("n1", `{"epoch": -1}`)
	f.Fuzz(func(t *testing.T, node, state string) {
		r := NewRoster()
		err := r.Recall([]Record{{Node: node, Seen: nine, State: state}}, nine)
		if list := r.list(nine); (len(list) == 1) == (err != nil) {
			t.Errorf("error %v, and the roster has %v", err, list)
		}
	})
}
