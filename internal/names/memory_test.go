package names

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func t0() time.Time { return time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC) }

func ip(last int) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, byte(last)}) }

func at(d time.Duration) time.Time { return t0().Add(d) }

// known returns the last octets of the addresses of a domain.
func known(m *Memory, domain string, now time.Time) []int {
	var octets []int
	for _, a := range m.Addresses(domain, now) {
		octets = append(octets, int(a.As4()[3]))
	}
	return octets
}

func TestANameHasTheAddressesOfItsAnswers(t *testing.T) {
	m := New(DefaultOptions())
	m.Learn("good-news.com", ip(1), time.Minute, t0())
	check(t, m, "good-news.com", t0(), 1)
	m.Learn("good-news.com", ip(2), time.Minute, t0())
	check(t, m, "good-news.com", t0(), 1, 2)
	check(t, m, "bad-news.de", t0())
	m.Learn("bad-news.de", ip(1), time.Minute, t0())
	check(t, m, "bad-news.de", t0(), 1)
}

func check(t *testing.T, m *Memory, domain string, now time.Time, want ...int) {
	t.Helper()
	if diff := cmp.Diff(known(m, domain, now), want, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s after %s (-got +want):\n%s", domain, now.Sub(t0()), diff)
	}
}

func TestADomainMeansNamesOnLabelBoundaries(t *testing.T) {
	m := New(DefaultOptions())
	for i, name := range []string{"www.surf.com", "api.surf.com", "a.b.surf.com", "surf.com", "kitesurf.com", "www.surf.com.evil.com", "*.surf.com"} {
		m.Learn(name, ip(i+1), 0, t0())
	}
	check(t, m, "www.surf.com", t0(), 1)
	check(t, m, "*.surf.com", t0(), 1, 2, 3, 7)
	check(t, m, "*.b.surf.com", t0(), 3)
	check(t, m, "surf.com", t0(), 4)
	check(t, m, "*.com", t0(), 1, 2, 3, 4, 5, 6, 7)
	check(t, m, "*.urf.com", t0())
}

func TestAnAddressLives(t *testing.T) {
	for name, tc := range map[string]struct {
		ttl       time.Duration
		connected time.Duration // 0 for none
		until     time.Duration
	}{
		"at least for the floor":                     {ttl: time.Second, until: 5 * time.Minute},
		"for its TTL":                                {ttl: time.Hour, until: time.Hour},
		"never longer than a day":                    {ttl: 7 * 24 * time.Hour, until: 24 * time.Hour},
		"for the floor after a connection to it":     {ttl: time.Second, connected: 4 * time.Minute, until: 9 * time.Minute},
		"not shorter because of a connection":        {ttl: time.Hour, connected: 4 * time.Minute, until: time.Hour},
		"no more when the connection comes too late": {ttl: time.Second, connected: 5 * time.Minute, until: 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			m := New(DefaultOptions())
			m.Learn("api.example", ip(1), tc.ttl, t0())
			if tc.connected != 0 {
				m.Connected(ip(1), at(tc.connected))
			}
			check(t, m, "api.example", at(tc.until-1), 1)
			check(t, m, "api.example", at(tc.until))
		})
	}
}

func TestChangesAreToldOnce(t *testing.T) {
	m := New(DefaultOptions())
	m.Learn("a.example", ip(1), time.Hour, t0())
	m.Learn("b.example", ip(2), 0, t0())
	told := func(now time.Time, want ...string) {
		t.Helper()
		got := m.Changes(now)
		slices.Sort(got)
		if diff := cmp.Diff(got, want, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("changes after %s (-got +want):\n%s", now.Sub(t0()), diff)
		}
	}
	told(t0(), "a.example", "b.example")
	told(t0())
	m.Learn("a.example", ip(1), time.Hour, at(time.Minute))
	told(at(time.Minute))
	told(at(5*time.Minute), "b.example")
	if m.Len() != 1 {
		t.Errorf("%d pairs, want 1", m.Len())
	}
}

func TestAFullMemoryForgetsTheLeastRecentlyAnswered(t *testing.T) {
	m := New(Options{Pairs: 2, Floor: time.Minute})
	for i := range 3 {
		m.Learn(fmt.Sprintf("dns-%d.com", i), ip(i), 0, t0())
	}
	check(t, m, "dns-0.com", t0())
	check(t, m, "dns-1.com", t0(), 1)
	check(t, m, "dns-2.com", t0(), 2)
	if m.Dropped() != 1 {
		t.Errorf("dropped %d, want 1", m.Dropped())
	}
}

func TestWhatIsWantedIsForgottenLast(t *testing.T) {
	m := New(Options{Pairs: 3, Floor: time.Minute})
	m.Learn("api.bank.example", ip(1), 0, t0())
	m.Want([]string{"*.bank.example", "ads.example"})
	m.Learn("ads.example", ip(2), 0, t0())
	for i := range 200 {
		m.Learn(fmt.Sprintf("flood-%d.example", i), ip(3), 0, t0())
	}
	check(t, m, "*.bank.example", t0(), 1)
	check(t, m, "ads.example", t0(), 2)
	m.Want(nil)
	m.Learn("flood-a.example", ip(3), 0, t0())
	m.Learn("flood-b.example", ip(3), 0, t0())
	m.Learn("flood-c.example", ip(3), 0, t0())
	check(t, m, "*.bank.example", t0())
}

func TestWhatMustNotBePublishedIsNotLearned(t *testing.T) {
	m := New(DefaultOptions())
	for _, text := range []string{"127.0.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0", "::1", "fe80::1", "ff02::1"} {
		m.Learn("evil.example", netip.MustParseAddr(text), time.Hour, t0())
	}
	m.Learn("evil.example", netip.Addr{}, time.Hour, t0())
	m.Learn("", ip(1), time.Hour, t0())
	if m.Len() != 0 {
		t.Errorf("%d pairs, want none", m.Len())
	}
}

func TestOptionsThatHoldNothingAreRefused(t *testing.T) {
	for _, o := range []Options{{Pairs: 0, Floor: time.Minute}, {Pairs: 1}, {Pairs: 1, Floor: 48 * time.Hour}} {
		if o.Validate() == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	if err := DefaultOptions().Validate(); err != nil {
		t.Error(err)
	}
}

// TestTheMemoryIsASetWithLifetimes compares it, whatever is learned and asked, with a list that is searched from end to end.
func TestTheMemoryIsASetWithLifetimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := New(Options{Pairs: 1000, Floor: time.Minute})
		type entry struct {
			name  string
			addr  netip.Addr
			until time.Time
		}
		var all []entry
		name := rapid.StringMatching(`([ab]\.){0,3}[ab]`)
		now := t0()
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "seconds")) * time.Second)
			n, a, ttl := name.Draw(t, "name"), ip(rapid.IntRange(1, 3).Draw(t, "addr")), time.Duration(rapid.IntRange(0, 200).Draw(t, "ttl"))*time.Second
			m.Learn(n, a, ttl, now)
			all = append(all, entry{n, a, now.Add(max(ttl, time.Minute))})
			if rapid.Bool().Draw(t, "sweep") {
				m.Changes(now)
			}
			domain := rapid.SampledFrom([]string{"", "*."}).Draw(t, "kind") + name.Draw(t, "domain")
			var want []netip.Addr
			for _, e := range all {
				if slices.Contains(slices.Collect(Domains(e.name)), domain) && now.Before(e.until) {
					want = append(want, e.addr)
				}
			}
			slices.SortFunc(want, netip.Addr.Compare)
			want = slices.Compact(want)
			if got := m.Addresses(domain, now); !slices.Equal(got, want) {
				t.Fatalf("%s: got %v, want %v", domain, got, want)
			}
		}
		m.Changes(now.Add(time.Hour))
		if m.Len() != 0 || len(m.root.children) != 0 || len(m.byAddr) != 0 || len(m.ends) != 0 {
			t.Fatalf("something is left of what has ended: %d pairs", m.Len())
		}
	})
}

func BenchmarkWildcard(b *testing.B) {
	m := New(DefaultOptions())
	for i := range 100_000 {
		m.Learn(fmt.Sprintf("host-%d.zone-%d.example", i, i%20_000), ip(i%250+1), time.Hour, t0())
	}
	b.ReportAllocs()
	for b.Loop() {
		if len(m.Addresses("*.zone-77.example", t0())) == 0 {
			b.Fatal("nothing found")
		}
	}
}

func BenchmarkLearnKnown(b *testing.B) {
	m := New(DefaultOptions())
	for i := range 100_000 {
		m.Learn(fmt.Sprintf("host-%d.example", i), ip(i%250+1), time.Hour, t0())
	}
	b.ReportAllocs()
	now := t0()
	for b.Loop() {
		now = now.Add(time.Second)
		m.Learn("host-77.example", ip(78), time.Hour, now)
	}
}
