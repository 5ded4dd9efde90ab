package traffic

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// look tells which of the sightings a look tells, by their places.
func look(c *Connections, seen ...Sighting) (told []int) {
	c.Look()
	for i := range seen {
		if c.Tells(&seen[i]) {
			told = append(told, i)
		}
	}
	return told
}

func TestConnections(t *testing.T) {
	at := func(d time.Duration) []Sighting {
		return []Sighting{
			connection("10.0.0.1", 4001, "10.0.0.2", d), // 0 and 1 are one pair
			connection("10.0.0.1", 4002, "10.0.0.2", d),
			connection("10.0.0.3", 4001, "10.0.0.2", d),
		}
	}
	c := NewConnections(0)
	for _, tc := range []struct {
		name string
		seen []Sighting
		want int
	}{
		{"each new connection is told", at(0), 3},
		{"a known one is not", at(5 * time.Second), 0},
		{"nor is it twice in one look", append(at(10*time.Second), at(10*time.Second)...), 0},
		{"a new one of a known pair is", append(at(15*time.Second), connection("10.0.0.1", 4003, "10.0.0.2", 15*time.Second)), 1},
		{"each pair is told again after a minute, once", at(76 * time.Second), 2},
		{"and then not", at(80 * time.Second), 0},
		{"a clock that was set back changes nothing much", at(70 * time.Second), 0},
		{"a look that shows nothing", nil, 0},
		{"forgets them all", at(85 * time.Second), 3},
	} {
		if told := look(c, tc.seen...); len(told) != tc.want {
			t.Errorf("%s: told %v, want %d", tc.name, told, tc.want)
		}
	}
	if c.Again() != 0 {
		t.Errorf("Again() = %d, want 0", c.Again())
	}
}

func TestConnectionsBeyondTheBoundAreTold(t *testing.T) {
	c := NewConnections(2)
	var seen []Sighting
	for port := range uint16(4) {
		s := connection("10.0.0.1", 4001, "10.0.0.2", 0)
		s.To.Port = 1 + port
		seen = append(seen, s)
	}
	for i, want := range []int{4, 2, 2} {
		if told := look(c, seen...); len(told) != want {
			t.Errorf("look %d told %v, want %d", i+1, told, want)
		}
	}
	if c.Again() != 6 {
		t.Errorf("Again() = %d, want 6", c.Again())
	}
}

// TestConnectionsLawOfCounts: whatever is looked at when, each connection that stays is told once as new; and no pair
// that stays is silent for more than a minute and a look.
func TestConnectionsLawOfCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := NewConnections(0)
		ports := rapid.SliceOfNDistinct(rapid.Uint16Range(1, 9), 1, 9, rapid.ID[uint16]).Draw(t, "ports")
		told, silent, now := 0, time.Duration(0), time.Duration(0)
		for range rapid.IntRange(1, 60).Draw(t, "looks") {
			var seen []Sighting
			for _, port := range ports {
				seen = append(seen, connection("10.0.0.1", port, "10.0.0.2", now))
			}
			n := len(look(c, seen...))
			told += n
			if n > 0 {
				silent = now
			}
			if now-silent >= saidAgain {
				t.Fatalf("silent since %s at %s", silent, now)
			}
			now += time.Duration(rapid.Int64Range(1, int64(20*time.Second)).Draw(t, "pause"))
		}
		if most := len(ports) + int(now/saidAgain) + 1; told < len(ports) || told > most {
			t.Fatalf("told %d times in %s, want %d to %d", told, now, len(ports), most)
		}
	})
}

func BenchmarkConnectionsKnown(b *testing.B) {
	c := NewConnections(0)
	s := connection("10.0.0.1", 4001, "10.0.0.2", 0)
	b.ReportAllocs()
	for b.Loop() {
		c.Tells(&s)
	}
}
