package stage

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Calls is how the calls of one pod to one target went since some moment.
type Calls struct{ OK, Failed int }

// Calls reads the log of a sample pod, or of all pods of a workload's selector such as "app=checkout", since a moment, and
// returns how its calls went by target.
func (s Stage) Calls(ctx context.Context, namespace, selector string, since time.Time) (map[string]Calls, error) {
	log, err := s.kubectl(ctx, "", "logs", "-n", namespace, "-l", selector, "--tail=-1", "--prefix=false",
		"--max-log-requests=20", "--ignore-errors", "--since-time="+since.UTC().Format(time.RFC3339Nano))
	if err != nil {
		return nil, err
	}
	calls := make(map[string]Calls)
	for line := range strings.Lines(log) {
		target, outcome, ok := cutCall(line)
		if !ok {
			continue
		}
		c := calls[target]
		if outcome == "ok" {
			c.OK++
		} else {
			c.Failed++
		}
		calls[target] = c
	}
	return calls, nil
}

// cutCall reads a line of the shop's log: "call <target> ok" or "call <target> failed: <cause>".
func cutCall(line string) (target, outcome string, ok bool) {
	rest, isCall := strings.CutPrefix(strings.TrimSpace(line), "call ")
	if !isCall {
		return "", "", false
	}
	return strings.Cut(rest, " ")
}

// caller is a workload of the shop that calls others all the time.
type caller struct {
	app     string // value of its label app
	targets int
}

// shopCallers returns the callers inside the cluster, and with outside also the one that calls the bank.
func shopCallers(outside bool) []caller {
	callers := []caller{{"cart", 1}, {"checkout", 3}, {"frontend", 3}, {"visitor", 1}}
	if outside {
		callers = append(callers, caller{"payment", 1})
	}
	return callers
}

// ShopGoesOn waits until every workload of the shop has made at least rounds good calls to each of its targets since that
// moment, and fails at once on a call that failed. Where the world has no bank, Bankless leaves payment's calls to it out.
func (s Stage) ShopGoesOn(ctx context.Context, since time.Time, rounds int) error {
	return Until(ctx, func(ctx context.Context) (string, error) {
		for _, c := range shopCallers(!s.Bankless) {
			calls, err := s.Calls(ctx, "shop", "app="+c.app, since)
			if err != nil {
				return "", err
			}
			for target, n := range calls {
				if n.Failed > 0 {
					return "", fmt.Errorf("%s: %d calls to %s failed since %s", c.app, n.Failed, target, since.Format(time.TimeOnly))
				}
			}
			if missing := tooFew(calls, c.targets, rounds); missing != "" {
				return c.app + ": " + missing, nil
			}
		}
		return "", nil
	})
}

func tooFew(calls map[string]Calls, targets, rounds int) string {
	if len(calls) < targets {
		return fmt.Sprintf("calls to %d of %d targets seen", len(calls), targets)
	}
	for target, c := range calls {
		if c.OK < rounds {
			return fmt.Sprintf("%d of %d calls to %s seen", c.OK, rounds, target)
		}
	}
	return ""
}

// intruderTargets is how many targets the intruder calls.
const intruderTargets = 2

// Refused waits until the last calls of the intruder all failed: at least count to every one of its targets since that
// moment, and none good. It keeps moving the moment forward while calls still pass, so that a policy has time to take effect.
func (s Stage) Refused(ctx context.Context, namespace, selector string, count int) error {
	since := time.Now()
	return Until(ctx, func(ctx context.Context) (string, error) {
		calls, err := s.Calls(ctx, namespace, selector, since)
		if err != nil {
			return "", err
		}
		if len(calls) < intruderTargets {
			return fmt.Sprintf("%s has called %d of %d targets yet", selector, len(calls), intruderTargets), nil
		}
		for target, c := range calls {
			if c.OK > 0 {
				since = time.Now()
				return selector + " still reaches " + target, nil
			}
			if c.Failed < count {
				return fmt.Sprintf("%s: %d of %d refusals by %s seen", selector, c.Failed, count, target), nil
			}
		}
		return "", nil
	})
}

// Reaches waits until a pod has made a good call to every one of its targets since that moment.
func (s Stage) Reaches(ctx context.Context, namespace, selector string, since time.Time) error {
	return Until(ctx, func(ctx context.Context) (string, error) {
		calls, err := s.Calls(ctx, namespace, selector, since)
		if err != nil || len(calls) == 0 {
			return selector + " has made no call yet", err
		}
		for target, c := range calls {
			if c.OK == 0 {
				return selector + " does not reach " + target, nil
			}
		}
		return "", nil
	})
}
