package stage

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// caller is a workload of the shop that calls others all the time.
type caller struct {
	app     string // value of its label app
	targets int
}

// callers returns the callers inside the cluster, and the one that calls the bank where there is a bank.
func (s Stage) callers() []caller {
	all := []caller{{"cart", 1}, {"checkout", 3}, {"frontend", 3}, {"visitor", 1}}
	if !s.Bankless {
		all = append(all, caller{"payment", 1})
	}
	return all
}

// ShopGoesOn waits until every workload of the shop has made at least rounds good calls to each of its targets since that
// moment, and fails at once on a call that did not go well. Where the world has no bank, payment's calls to it are left out.
func (s Stage) ShopGoesOn(ctx context.Context, since time.Time, rounds int) error {
	return Until(ctx, func(ctx context.Context) (string, error) {
		for _, c := range s.callers() {
			calls, err := s.Calls(ctx, "shop", "app="+c.app, since)
			if err != nil {
				return "", err
			}
			if bad, found := first(calls, func(c Call) bool { return c.Outcome != OK }); found {
				return "", fmt.Errorf("since %s: %s", since.Format(time.TimeOnly), bad)
			}
			if missing := tooFew(tally(calls, OK), c.targets, rounds); missing != "" {
				return c.app + ": " + missing, nil
			}
		}
		return "", nil
	})
}

// ShopSettles waits until the last call of every caller of the shop to each of its targets went well, and returns the calls that did
// not since that moment. Callers of one server come into force one after another, and a node needs a moment to know new
// rules; until then a declared caller may be refused. It fails at once on a call that failed for another reason.
func (s Stage) ShopSettles(ctx context.Context, since time.Time) (refused []Call, err error) {
	err = Until(ctx, func(ctx context.Context) (string, error) {
		refused = nil
		missing := ""
		for _, c := range s.callers() {
			calls, err := s.Calls(ctx, "shop", "app="+c.app, since)
			if err != nil {
				return "", err
			}
			if failed, found := first(calls, func(c Call) bool { return c.Outcome == Failed }); found {
				return "", fmt.Errorf("this is no refusal by a policy: %s", failed)
			}
			ends := latest(calls)
			if bad, found := first(ends, func(c Call) bool { return c.Outcome != OK }); found {
				missing = bad.String()
			} else if late := tooFew(tally(ends, OK), c.targets, 1); late != "" {
				missing = c.app + ": " + late
			}
			refused = append(refused, slices.DeleteFunc(calls, func(c Call) bool { return c.Outcome == OK })...)
		}
		return missing, nil
	})
	return refused, err
}

// The intruder of the sample: its selector, and how many targets it calls. Every target is also that of a declared caller.
const (
	intruder        = "app=intruder"
	intruderTargets = 2
)

// IntruderRefused waits until the last calls of the intruder were all refused: at least count to every one of its targets, while
// declared callers reached the same targets, so that nothing but who it is can be the reason. It passes over calls that
// still go well, so that a policy has time to take effect, and fails at once on a call that failed for another reason.
func (s Stage) IntruderRefused(ctx context.Context, count int) error {
	since := time.Now()
	return Until(ctx, func(ctx context.Context) (string, error) {
		calls, err := s.Calls(ctx, "shop", intruder, since)
		if err != nil {
			return "", err
		}
		if failed, found := first(calls, func(c Call) bool { return c.Outcome == Failed }); found {
			return "", fmt.Errorf("this is no refusal by a policy: %s", failed)
		}
		if passed, found := first(calls, func(c Call) bool { return c.Outcome == OK }); found {
			since = time.Now()
			return "it still passes: " + passed.String(), nil
		}
		refusals := tally(calls, Refused)
		if missing := tooFew(refusals, intruderTargets, count); missing != "" {
			return "refused: " + missing, nil
		}
		return s.unwitnessed(ctx, refusals, since)
	})
}

// unwitnessed names a target that no declared caller has reached since that moment.
func (s Stage) unwitnessed(ctx context.Context, targets map[string]int, since time.Time) (string, error) {
	reached := make(map[string]int)
	for _, c := range s.callers() {
		calls, err := s.Calls(ctx, "shop", "app="+c.app, since)
		if err != nil {
			return "", err
		}
		for target, count := range tally(calls, OK) {
			reached[target] += count
		}
	}
	for target := range targets {
		if reached[target] == 0 {
			return "no declared caller reaches " + target + " either", nil
		}
	}
	return "", nil
}

// IntruderReaches waits until the intruder has made count good calls to every one of its targets since that moment. It fails as
// Reaches does.
func (s Stage) IntruderReaches(ctx context.Context, since time.Time, count int) error {
	return s.reaches(ctx, caller{"intruder", intruderTargets}, since, count)
}

// ReportReaches waits until the pods of the CronJob, which are new every minute, have made a good call to their target since that
// moment. It fails at once on a call that failed, and on one that was refused unless its pod is new.
func (s Stage) ReportReaches(ctx context.Context, since time.Time) error {
	return s.reaches(ctx, caller{"report", 1}, since, 1)
}

func (s Stage) reaches(ctx context.Context, who caller, since time.Time, count int) error {
	return Until(ctx, func(ctx context.Context) (string, error) {
		calls, err := s.Calls(ctx, "shop", "app="+who.app, since)
		if err != nil {
			return "", err
		}
		if bad, found := lapse(calls); found {
			return "", fmt.Errorf("since %s: %s", since.Format(time.TimeOnly), bad)
		}
		missing := tooFew(tally(calls, OK), who.targets, count)
		if missing != "" {
			missing = who.app + ": " + missing
		}
		return missing, nil
	})
}

// Intruder names the intruder's pod: its UID, and how often it was started again.
func (s Stage) Intruder(ctx context.Context) (string, error) {
	return s.Get(ctx, "pods", "-n", "shop", "-l", intruder, "-o",
		"jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[*].restartCount};{end}")
}
