package stage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Outcome is how a call of the sample shop went.
type Outcome string

// The outcomes that the sample's program tells apart.
const (
	OK      Outcome = "ok"
	Refused Outcome = "refused" // no connection came about: it was turned down, or nobody answered in time
	Failed  Outcome = "failed"  // anything else: a name that nobody knows, a pod that is gone, a conversation that broke
)

// Call is one call of a pod of the sample shop.
type Call struct {
	Pod, Target string
	Outcome     Outcome
	Cause       string // empty if it went well
}

// String tells the call to people.
func (c Call) String() string {
	return strings.TrimSuffix(fmt.Sprintf("%s calls %s: %s, %s", c.Pod, c.Target, c.Outcome, c.Cause), ", ")
}

// Calls reads the log of a sample pod, or of all pods of a workload's selector such as "app=checkout", since a moment, and
// returns its calls; those of one pod come in their order.
func (s Stage) Calls(ctx context.Context, namespace, selector string, since time.Time) ([]Call, error) {
	log, err := s.kubectl(ctx, "", "logs", "-n", namespace, "-l", selector, "--tail=-1", "--prefix",
		"--max-log-requests=20", "--ignore-errors", "--since-time="+since.UTC().Format(time.RFC3339Nano))
	return parseCalls(log), err
}

// parseCalls reads lines such as "[pod/cart-0/shop] call <target> <outcome>: <cause>" and passes over all others.
func parseCalls(log string) []Call {
	var calls []Call
	for line := range strings.Lines(log) {
		pod, said, isCall := strings.Cut(strings.TrimSpace(line), "] call ")
		if !isCall {
			continue
		}
		target, outcome, _ := strings.Cut(said, " ")
		outcome, cause, _ := strings.Cut(outcome, ": ")
		c := Call{Pod: strings.TrimPrefix(pod, "["), Target: target, Outcome: Outcome(outcome), Cause: cause}
		if c.Outcome != OK && c.Outcome != Refused {
			c.Outcome = Failed
		}
		calls = append(calls, c)
	}
	return calls
}

// tally counts the calls of one outcome by target. Every target that was called has an entry.
func tally(calls []Call, outcome Outcome) map[string]int {
	counts := make(map[string]int)
	for _, c := range calls {
		counts[c.Target] += 0
		if c.Outcome == outcome {
			counts[c.Target]++
		}
	}
	return counts
}

// tooFew says what is missing until each of so many targets has a count of at least want.
func tooFew(counts map[string]int, targets, want int) string {
	if len(counts) < targets {
		return fmt.Sprintf("calls to %d of %d targets seen", len(counts), targets)
	}
	for target, count := range counts {
		if count < want {
			return fmt.Sprintf("%d of %d calls to %s seen", count, want, target)
		}
	}
	return ""
}

// first returns the first call that is as described.
func first(calls []Call, described func(Call) bool) (Call, bool) {
	for _, c := range calls {
		if described(c) {
			return c, true
		}
	}
	return Call{}, false
}

// latest returns the last call of each pod to each target.
func latest(calls []Call) []Call {
	var last []Call
	for i, c := range calls {
		repeated := slices.ContainsFunc(calls[i+1:], func(later Call) bool { return later.Pod == c.Pod && later.Target == c.Target })
		if !repeated {
			last = append(last, c)
		}
	}
	return last
}

// settling is how many calls in a row a pod may find refused before its first good one: a node needs a moment until its
// rules know the address of a new pod.
const settling = 10

// lapse returns the first call that went wrong and should not have: it failed, or it was refused after a good one of its pod to
// the same target, or it was refused although the pod has had its time to settle.
func lapse(calls []Call) (Call, bool) {
	type way struct{ pod, target string }
	reached, refusals := make(map[way]bool), make(map[way]int)
	return first(calls, func(c Call) bool {
		w := way{c.Pod, c.Target}
		if c.Outcome == OK {
			reached[w] = true
			return false
		}
		refusals[w]++
		return c.Outcome == Failed || reached[w] || refusals[w] > settling
	})
}
