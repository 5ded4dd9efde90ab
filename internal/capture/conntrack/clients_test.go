package conntrack

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portolan-io/portolan/internal/traffic"
)

// question is a flow by UDP to a Service, which the node has translated to a pod.
func question() Flow {
	return call().with(func(f *Flow) { f.Protocol, f.Assured, f.State, f.Left = protocolUDP, false, 0, 30 })
}

// direct is f without translation.
func direct(f Flow) Flow {
	return f.with(func(f *Flow) { f.Original = f.Reply.reversed() })
}

// turned is the entry that the kernel makes of f when the server speaks first.
func turned(f Flow) Flow {
	return f.with(func(f *Flow) { f.Original, f.Reply = f.Reply, f.Reply.reversed() })
}

func TestTheServerSpeaksWhenTheEntryIsGone(t *testing.T) {
	low := func(f *Flow) { // both ports are below those that the kernel gives away
		f.Original.Source, f.Reply.Destination = netip.MustParseAddrPort("10.1.0.4:20010"), netip.MustParseAddrPort("10.1.0.4:20010")
	}
	high := func(f *Flow) { // and both are such ports
		f.Original.Destination, f.Reply.Source = netip.MustParseAddrPort("10.1.0.9:50060"), netip.MustParseAddrPort("10.1.0.9:50060")
	}
	const behind = " to 10.96.0.17:80: 1 by way of 10.1.0.9:8080"
	for name, tc := range map[string]struct {
		first, then Flow
		want        string
	}{
		"UDP":                       {direct(question()), turned(question()), "UDP 10.1.0.4 to 10.1.0.9:8080: 1"},
		"UDP between high ports":    {question().with(high), turned(question().with(high)), "UDP 10.1.0.4 to 10.1.0.9:50060: 1"},
		"UDP between low ports":     {direct(question().with(low)), turned(question().with(low)), "UDP 10.1.0.4 to 10.1.0.9:8080: 1"},
		"UDP behind a Service":      {question(), turned(question()), "UDP 10.1.0.4" + behind},
		"low ports, and a Service":  {question().with(low), turned(question().with(low)), "UDP 10.1.0.4" + behind},
		"UDP as the Service":        {question(), question().with(func(f *Flow) { f.Original = f.Original.reversed(); f.Reply = f.Original.reversed() }), "UDP 10.1.0.4" + behind},
		"TCP in the middle of it":   {direct(call()), turned(call()), "TCP 10.1.0.4 to 10.1.0.9:8080: 1"},
		"TCP behind a Service":      {call(), turned(call()), "TCP 10.1.0.4" + behind},
		"TCP between high ports":    {call().with(high), turned(call().with(high)), "TCP 10.1.0.4 to 10.1.0.9:50060: 1"},
		"a client translated, too":  {masqueraded(), turned(masqueraded()), "TCP 10.1.0.4" + behind},
		"a flow that is told apart": {question(), turned(call()), ""}, // another protocol: the ports say that it is the wrong way round
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			story(t, m, func(t *testing.T, _ *Source, w *traffic.Window) {
				m.happen <- entry(tc.first)
				synctest.Wait()
				if told := len(w.Drain(nil, 0)); told != 1 {
					t.Errorf("%d sightings of the first entry, want one", told)
				}
				time.Sleep(10 * time.Minute)
				m.happen <- entry(tc.then.with(func(f *Flow) { f.Replied = false }))
				expect(t, w)
				m.happen <- entry(tc.then)
				if tc.want == "" {
					expect(t, w)
					return
				}
				expect(t, w, tc.want)
				m.happen <- entry(tc.then) // it is one flow
				m.happen <- entry(tc.first)
				expect(t, w)
			})
		})
	}
}

func masqueraded() Flow {
	return call().with(func(f *Flow) { f.Reply.Destination = netip.MustParseAddrPort("10.0.0.1:61000") })
}

// between high ports, nothing but what was there before tells who is the client.
func peers(from, to string) Flow {
	return Flow{Protocol: protocolUDP, Replied: true, Left: 30, Original: ends(from, to), Reply: ends(to, from)}
}

func TestAClientIsRememberedForAQuarterOfAnHour(t *testing.T) {
	const forth, back = "UDP 10.1.0.4 to 10.1.0.9:50060: 1", "UDP 10.1.0.9 to 10.1.0.4:45050: 1"
	first := peers("10.1.0.4:45050", "10.1.0.9:50060")
	m := newMemory()
	story(t, m, func(t *testing.T, _ *Source, w *traffic.Window) {
		m.happen <- entry(first)
		expect(t, w, forth)
		time.Sleep(clientsKeptFor)
		m.happen <- entry(turned(first)) // which is as good as the first one
		expect(t, w, forth)
		time.Sleep(clientsKeptFor)
		m.happen <- entry(turned(first))
		expect(t, w, forth)
		time.Sleep(clientsKeptFor + time.Second)
		m.happen <- entry(turned(first)) // others have the ports
		expect(t, w, back)
		time.Sleep(clientsKeptFor)
		m.happen <- entry(first)
		expect(t, w, back)
	})
}

// TestAnEntryThatStaysIsSeen: what is in the table needs no packets to be remembered.
func TestAnEntryThatStaysIsSeen(t *testing.T) {
	m := newMemory(entry(call()))
	story(t, m, func(t *testing.T, _ *Source, w *traffic.Window) {
		time.Sleep(time.Hour + listEvery/2) // between two readings
		w.Drain(nil, 0)
		m.hold()
		time.Sleep(10 * time.Minute)
		m.happen <- entry(turned(call()))
		expect(t, w, seen)
	})
}

func TestAHandshakeShowsWhoBegins(t *testing.T) {
	first := peers("10.1.0.4:45050", "10.1.0.9:50060").with(func(f *Flow) { f.Protocol, f.State = protocolTCP, tcpEstablished })
	m := newMemory()
	story(t, m, func(t *testing.T, _ *Source, w *traffic.Window) {
		m.happen <- entry(first)
		expect(t, w, "TCP 10.1.0.4 to 10.1.0.9:50060: 1")
		m.happen <- entry(turned(first).with(func(f *Flow) { f.State = tcpSynReceived }))
		m.happen <- entry(turned(first))
		expect(t, w, "TCP 10.1.0.9 to 10.1.0.4:45050: 1")
	})
}

// TestPeersWithOnePortMayBothBegin: gossip, time and SIP have the same port at both ends.
func TestPeersWithOnePortMayBothBegin(t *testing.T) {
	m := newMemory()
	story(t, m, func(t *testing.T, _ *Source, w *traffic.Window) {
		m.happen <- entry(peers("10.1.0.4:7946", "10.1.0.9:7946"))
		m.happen <- entry(peers("10.1.0.9:7946", "10.1.0.4:7946"))
		expect(t, w, "UDP 10.1.0.4 to 10.1.0.9:7946: 1", "UDP 10.1.0.9 to 10.1.0.4:7946: 1")
	})
}

// TestTheServiceIsRememberedInAnyOrderOfZones: behind the translation the entry does not show the Service.
func TestTheServiceIsRememberedInAnyOrderOfZones(t *testing.T) {
	for name, zones := range map[string][]Flow{
		"the client's first": {question(), direct(question())},
		"the server's first": {direct(question()), question()},
	} {
		c := newClients(clientsKept)
		for _, f := range zones {
			c.remember(&f, nine)
		}
		got := turned(question())
		c.turn(&got, nine)
		if diff := cmp.Diff(got, question(), addresses); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
	}
}

func TestWhatWasNotSeenForLongestIsForgottenFirst(t *testing.T) {
	const limit = 4
	flow := func(n int) Flow {
		return peers(netip.AddrPortFrom(netip.MustParseAddr("10.1.0.4"), uint16(40_000+n)).String(), "10.1.0.9:50060")
	}
	c := newClients(limit)
	at, forgotten := nine, uint64(0)
	for _, n := range []int{0, 1, 2, 3, 0, 1, 4, 5} {
		at = at.Add(time.Second)
		f := flow(n)
		forgotten += c.remember(&f, at)
	}
	var kept []int
	for n := range 6 {
		f := turned(flow(n))
		if c.turn(&f, at); f.Original == flow(n).Original {
			kept = append(kept, n)
		}
	}
	if diff := cmp.Diff(kept, []int{0, 1, 4, 5}); diff != "" || forgotten != 2 {
		t.Errorf("%d forgotten, want 2; kept (-got +want):\n%s", forgotten, diff)
	}
	f := flow(6)
	if n := c.remember(&f, at.Add(clientsKeptFor+time.Second)); n != 0 {
		t.Errorf("%d forgotten early, want none: it was time", n)
	}
	if len(c.places) != limit || len(c.all) != limit+1 {
		t.Errorf("%d pairs at %d places, want %d", len(c.places), len(c.all)-1, limit)
	}
}

func TestAKnownFlowAllocatesNothing(t *testing.T) {
	c := newClients(clientsKept)
	known, back := question(), turned(question())
	c.remember(&known, nine)
	if n := testing.AllocsPerRun(100, func() {
		f := back
		c.turn(&f, nine)
		c.remember(&f, nine)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkClients(b *testing.B) {
	c := newClients(clientsKept)
	f := question()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ { // twice as many as there is room for
		f.Original.Source = netip.AddrPortFrom(f.Original.Source.Addr(), uint16(n%clientsKept))
		f.Reply.Destination = f.Original.Source
		c.turn(&f, nine)
		c.remember(&f, nine)
	}
}
