package wire

import (
	"testing"
	"time"
)

func TestTheLedgerKnowsWhatWasMerged(t *testing.T) {
	l := newLedger(10, nil)
	a, b := epochKey{node: "a", epoch: 1}, epochKey{node: "a", epoch: 2}
	for _, step := range []struct {
		what              string
		key               epochKey
		seq, acknowledged uint64
		after             time.Duration
		duplicate         bool
		gap               uint64
	}{
		{"the first batch", a, 1, 0, 0, false, 0},
		{"the same again", a, 1, 0, 0, true, 0},
		{"the next", a, 2, 1, 0, false, 0},
		{"one after two that never came", a, 5, 2, 0, false, 2},
		{"an older one", a, 4, 2, 0, true, 0},
		{"a new epoch starts at zero", b, 3, 0, 0, false, 2},
		{"within a day it is known", a, 5, 5, 23 * time.Hour, true, 0},
		{"after a day of silence it is forgotten", a, 5, 4, 24 * time.Hour, false, 0},
	} {
		now := nine.Add(step.after)
		if got := l.merged(step.key, step.seq, now); got != step.duplicate {
			t.Errorf("%s: merged = %t, want %t", step.what, got, step.duplicate)
		}
		if step.duplicate {
			continue
		}
		if got := l.commit(step.key, step.seq, step.acknowledged, now); got != step.gap {
			t.Errorf("%s: gap = %d, want %d", step.what, got, step.gap)
		}
	}
}

func TestARestartedOperatorSeesNoGapWhereTheAgentHadAnswers(t *testing.T) {
	l := newLedger(10, nil)
	if got := l.commit(epochKey{node: "a"}, 700, 699, nine); got != 0 {
		t.Errorf("gap = %d, want 0", got)
	}
	if got := l.commit(epochKey{node: "b"}, 700, 697, nine); got != 2 {
		t.Errorf("gap = %d, want 2", got)
	}
	if got := l.commit(epochKey{node: "c"}, 1<<63, 0, nine); got != maxGap {
		t.Errorf("gap of an odd number = %d, want %d", got, maxGap)
	}
}

func TestTheLedgerForgetsTheLongestSilent(t *testing.T) {
	l := newLedger(2, nil)
	for i, node := range []string{"a", "b"} {
		l.commit(epochKey{node: node}, 1, 0, nine.Add(time.Duration(i)*time.Minute))
	}
	l.touch(epochKey{node: "a"}, nine.Add(2*time.Minute))
	l.commit(epochKey{node: "c"}, 1, 0, nine.Add(3*time.Minute))
	for node, want := range map[string]bool{"a": true, "b": false, "c": true} {
		if got := l.merged(epochKey{node: node}, 1, nine.Add(4*time.Minute)); got != want {
			t.Errorf("epoch of %s known = %t, want %t", node, got, want)
		}
	}
}

func TestTheLedgerKnowsWhatWasStoredBeforeARestart(t *testing.T) {
	l := newLedger(2, []Committed{
		{Node: "a", Epoch: 1, Seq: 4, Seen: nine}, {Node: "b", Epoch: 1, Seq: 1, Seen: nine.Add(1)}, {Node: "c", Epoch: 1, Seq: 2, Seen: nine.Add(2)},
	})
	if l.merged(epochKey{node: "a", epoch: 1}, 4, nine) {
		t.Error("a bounded ledger keeps the longest silent run")
	}
	c := epochKey{node: "c", epoch: 1}
	if !l.merged(c, 2, nine) || l.merged(c, 3, nine) {
		t.Error("batch 2 of c is to be known, and batch 3 not")
	}
	if gap := l.commit(c, 4, 0, nine); gap != 1 {
		t.Errorf("gap = %d, want the one batch that never came", gap)
	}
}
