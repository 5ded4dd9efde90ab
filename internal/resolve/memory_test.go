package resolve

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/portolan-io/portolan/internal/identity"
)

var (
	cart     = identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "cart"}
	checkout = identity.Workload{Namespace: "shop", Kind: "Deployment", Name: "checkout"}
	somebody = netip.MustParseAddr("203.0.113.5")
)

func TestMemoryNamesAnAddress(t *testing.T) {
	//  0s        10s       20s       30s       40s
	//  |-- one --|         |-- two --|
	m := NewMemory(0)
	m.Learn(cart, somebody, "two.example", t0.Add(20*time.Second), t0.Add(30*time.Second))
	m.Learn(cart, somebody, "one.example", t0, t0.Add(10*time.Second))
	for name, tc := range map[string]struct {
		who  identity.Workload
		at   time.Duration
		want string
	}{
		"before any answer, the first one to come": {cart, -time.Second, "one.example"},
		"during an answer, its name":               {cart, 5 * time.Second, "one.example"},
		"between two answers, the earlier one":     {cart, 15 * time.Second, "one.example"},
		"long after, the last answer":              {cart, time.Hour, "two.example"},
		"another workload knows nothing of it":     {checkout, 5 * time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := m.Name(tc.who, somebody, t0.Add(tc.at)); got != tc.want {
				t.Errorf("Name(+%s) = %q, want %q", tc.at, got, tc.want)
			}
		})
	}
}

func TestMemoryForgetsWhatWasAnsweredLongestAgo(t *testing.T) {
	m := NewMemory(2)
	addr := func(i byte) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, i}) }
	m.Learn(cart, addr(0), "0.example", t0, t0)
	m.Learn(cart, addr(1), "1.example", t0, t0)
	m.Learn(cart, addr(0), "0.example", t0, t0)
	m.Learn(cart, addr(2), "2.example", t0, t0)
	for i, want := range []string{"0.example", "", "2.example"} {
		if got, _ := m.Name(cart, addr(byte(i)), t0); got != want {
			t.Errorf("Name(%s) = %q, want %q", addr(byte(i)), got, want)
		}
	}
	if m.Len() != 2 || m.Dropped() != 1 {
		t.Errorf("Len() = %d and Dropped() = %d, want 2 and 1", m.Len(), m.Dropped())
	}
}

func TestMemoryKeepsTheLatestNamesOfAnAddress(t *testing.T) {
	m := NewMemory(0)
	for i := range answersPerPair + 3 {
		at := t0.Add(time.Duration(i) * time.Second)
		m.Learn(cart, somebody, fmt.Sprintf("%d.example", i), at, at)
	}
	if got, _ := m.Name(cart, somebody, t0.Add(time.Hour)); got != fmt.Sprintf("%d.example", answersPerPair+2) {
		t.Errorf("Name = %q, want the latest", got)
	}
	if got, _ := m.Name(cart, somebody, t0); got != "3.example" {
		t.Errorf("Name at the start = %q, want the earliest that is kept", got)
	}
}

// TestTheOrderOfAnswersDoesNotMatter holds as long as no answer is forgotten.
func TestTheOrderOfAnswersDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type learned struct {
			name        string
			first, last time.Time
		}
		var all []learned
		for range rapid.IntRange(1, 12).Draw(t, "answers") {
			first := t0.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "first")) * time.Second)
			all = append(all, learned{
				rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name"), first,
				first.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "length")) * time.Second),
			})
		}
		at := t0.Add(time.Duration(rapid.IntRange(-1, 30).Draw(t, "at")) * time.Second)
		nameAfter := func(all []learned) string {
			m := NewMemory(0)
			for _, a := range all {
				m.Learn(cart, somebody, a.name, a.first, a.last)
			}
			name, _ := m.Name(cart, somebody, at)
			return name
		}
		if got, want := nameAfter(rapid.Permutation(all).Draw(t, "order")), nameAfter(all); got != want {
			t.Fatalf("another order gives %q instead of %q", got, want)
		}
	})
}
