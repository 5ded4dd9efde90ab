package command

import (
	"testing"
	"time"
)

func TestMomentsAreDurationsTimesAndDates(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 30, 0, 0, time.FixedZone("", 3600))
	for text, want := range map[string]string{
		"24h":                       "2026-11-19T08:30:00Z",
		"90m":                       "2026-11-20T07:00:00Z",
		"7d":                        "2026-11-13T08:30:00Z",
		"0s":                        "2026-11-20T08:30:00Z",
		"2026-11-13":                "2026-11-13T00:00:00Z",
		"2026-11-20T07:00:00Z":      "2026-11-20T07:00:00Z",
		"2026-11-20T07:00:00+02:00": "2026-11-20T05:00:00Z",
		"2026-11-20T07:00:00.5Z":    "2026-11-20T07:00:00.5Z",
	} {
		var m moment
		if err := m.Set(text); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := m.at(now).UTC().Format(time.RFC3339Nano); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", "-5m", "yesterday", "2026-11-20T07:00:00", "2026-11", "-1d", "1.5d", "d", "99999999d", "20.11.2026", "0001-01-01"} {
		var m moment
		if err := m.Set(text); err == nil {
			t.Errorf("%q is accepted as %s", text, m.at(now))
		}
	}
}
