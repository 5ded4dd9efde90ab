package names

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// unkept returns what is to be written down, sorted, each as "name octet minutes" after t0; "forgotten" instead of the minutes.
func unkept(m *Memory, whole bool) []string {
	var all []string
	for _, p := range m.Unkept(whole) {
		end := "forgotten"
		if !p.Until.IsZero() {
			end = p.Until.Sub(t0()).String()
		}
		all = append(all, fmt.Sprintf("%s %d %s", p.Name, p.Addr.As4()[3], end))
	}
	slices.SortFunc(all, strings.Compare)
	return all
}

func TestWhatChangedIsToldOnce(t *testing.T) {
	m := New(Options{Pairs: 3, Floor: 5 * time.Minute})
	m.Learn("a.com", ip(1), time.Hour, t0())
	m.Learn("b.com", ip(2), 0, t0())
	for _, step := range []struct {
		what string
		do   func()
		want []string
	}{
		{"two new pairs", func() {}, []string{"a.com 1 1h0m0s", "b.com 2 5m0s"}},
		{"nothing is new", func() {}, nil},
		{"an answer right after the last one", func() { m.Learn("b.com", ip(2), 0, at(time.Minute)) }, nil},
		{"an answer that prolongs a life", func() { m.Learn("b.com", ip(2), 0, at(time.Minute+1)) }, []string{"b.com 2 6m0.000000001s"}},
		{"a connection that does", func() { m.Connected(ip(2), at(3*time.Minute)) }, []string{"b.com 2 8m0s"}},
		{"pairs that push others out, one of which nobody was told", func() {
			for i := range 4 {
				m.Learn("new.com", ip(10+i), 0, t0())
			}
		}, []string{"a.com 1 forgotten", "b.com 2 forgotten", "new.com 11 5m0s", "new.com 12 5m0s", "new.com 13 5m0s"}},
		{"a life that ends", func() { m.Changes(at(time.Hour)) }, nil},
	} {
		step.do()
		if diff := cmp.Diff(unkept(m, false), step.want, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-got +want):\n%s", step.what, diff)
		}
	}
}

func TestARestartKnowsTheNames(t *testing.T) {
	first := New(DefaultOptions())
	first.Learn("api.bank.example", ip(1), time.Hour, t0())
	first.Learn("api.bank.example", ip(2), 0, t0())
	first.Learn("www.bank.example", ip(3), 24*time.Hour, t0())

	second := New(DefaultOptions())
	second.Learn("api.bank.example", ip(1), 2*time.Hour, t0()) // answered again before the store was read
	second.Recall(first.Unkept(true), at(30*time.Minute))
	check(t, second, "api.bank.example", at(30*time.Minute), 1)
	check(t, second, "api.bank.example", at(90*time.Minute), 1)
	check(t, second, "*.bank.example", at(3*time.Hour), 3)
	check(t, second, "*.bank.example", at(24*time.Hour))
	if diff := cmp.Diff(second.Changes(at(31*time.Minute)), []string{"api.bank.example", "www.bank.example"}, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("changed names (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(unkept(second, false), []string{"api.bank.example 1 2h0m0s"}); diff != "" {
		t.Errorf("to be written (-got +want):\n%s", diff)
	}
}

func TestWhatCannotBePublishedIsNotRecalled(t *testing.T) {
	m := New(Options{Pairs: 2, Floor: time.Minute})
	m.Recall([]Pair{
		{Name: "", Addr: ip(1), Until: at(time.Hour)},
		{Name: "local.example", Addr: netip.MustParseAddr("127.0.0.1"), Until: at(time.Hour)},
		{Name: "none.example", Until: at(time.Hour)},
		{Name: "over.example", Addr: ip(2), Until: t0()},
		{Name: "forever.example", Addr: ip(3), Until: at(1000 * time.Hour)},
		{Name: "lost.example", Addr: ip(4)},
	}, t0())
	if m.Len() != 0 {
		t.Errorf("%d pairs are recalled, want none", m.Len())
	}
	m.Recall([]Pair{{"a.example", ip(1), at(time.Hour)}, {"b.example", ip(1), at(time.Hour)}, {"c.example", ip(1), at(time.Hour)}}, t0())
	if m.Len() != 2 || m.Dropped() != 1 {
		t.Errorf("%d pairs, %d dropped; want what fits", m.Len(), m.Dropped())
	}
}
