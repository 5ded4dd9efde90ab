package store

import (
	"strings"
	"time"
)

// State says how a Journal and its store are.
type State struct {
	Target  string // without secrets
	Kind    Kind
	Problem string    // why nothing can be stored at present, and what that means; empty while all is well
	Since   time.Time // when the problem began
	Notes   []string  // how the store was found, one sentence each
	Began   time.Time // since when the map is kept
	Contact time.Time // when the store answered last; the map is as old as that
	Waiting int       // batches in the map that are not stored yet

	Commits, Failures uint64 // attempts to write or read, by how they ended
	Edges             uint64 // edges written
	Duplicates        uint64 // batches that another replica had stored
}

// State returns the present state.
func (j *Journal) State() State {
	j.mu.Lock()
	defer j.mu.Unlock()
	state := j.state
	state.Waiting = len(j.waiting)
	if state.Kind != Postgres {
		state.Contact = time.Now() // memory knows all there is
	}
	return state
}

// failed notes a problem, and says so when it begins and when its cause changes.
func (j *Journal) failed(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state.Failures++
	problem := j.state.Target + ": " + strings.Join(strings.Fields(err.Error()), " ") // on one line
	if j.state.Problem == "" {
		j.state.Since = time.Now()
	}
	if j.state.Problem != problem {
		j.options.Log.Error("the store fails", "error", err.Error(), "store", j.state.Target, "meanwhile", consequence(j.state.Kind))
	}
	j.state.Problem = problem
}

// consequence says what a failure means.
func consequence(kind Kind) string {
	if kind == Postgres {
		return "agents keep what they see, and the map stays as it is"
	}
	return "the map works on from memory, and a restart would lose what is not stored"
}

// worked notes that the store answers.
func (j *Journal) worked() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.state.Commits++
	j.state.Contact = time.Now()
	if j.state.Problem == "" {
		return
	}
	j.options.Log.Info("the store works again", "store", j.state.Target, "after", time.Since(j.state.Since).Round(time.Second).String())
	j.state.Problem, j.state.Since = "", time.Time{}
}
