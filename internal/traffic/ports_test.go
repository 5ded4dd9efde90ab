package traffic

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestAFoldedConnectKeepsThePortsOfItsClient(t *testing.T) {
	w := NewWindow(0)
	s := Sighting{
		Source: SYN, From: Party{Addr: netip.MustParseAddr("10.1.0.4")}, To: Party{Addr: netip.MustParseAddr("10.1.0.9"), Port: 80},
		What: What{Act: Connect, Protocol: TCP}, First: start, Last: start, Count: 1,
	}
	for _, port := range []uint16{9, 3, 9, 0, 7} {
		s.From.Port = port
		w.Add(s)
	}
	s.From.Port, s.Ports, s.Count = 0, []uint16{7, 8}, 2
	w.Add(s)
	folded := w.Drain(nil, 0)
	if len(folded) != 1 || folded[0].Count != 7 || !slices.Equal(folded[0].Ports, []uint16{3, 7, 8, 9}) || folded[0].From.Port != 0 {
		t.Errorf("folded to %+v, want one of seven with the ports 3, 7, 8 and 9", folded)
	}
	s.From.Port, s.Ports = 4, nil
	w.Add(s)
	if again := w.Drain(nil, 0); !slices.Equal(again[0].Ports, []uint16{4}) || !slices.Equal(folded[0].Ports, []uint16{3, 7, 8, 9}) {
		t.Errorf("the next window has the ports %v and changed those of the one before to %v", again[0].Ports, folded[0].Ports)
	}
}

func TestALookupHasNoPorts(t *testing.T) {
	w := NewWindow(0)
	w.Add(Sighting{Source: DNS, From: Party{Addr: netip.MustParseAddr("10.1.0.4"), Port: 5353}, To: Party{Name: "a.example"}, What: What{Act: Lookup}, Count: 1})
	if got := w.Drain(nil, 0)[0].Ports; got != nil {
		t.Errorf("ports %v, want none", got)
	}
}

func TestPortsAreASetOfAtMostSoMany(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		given := rapid.SliceOfN(rapid.Uint16(), 0, 2*MaxPorts).Draw(t, "ports")
		var ports []uint16
		for _, port := range given {
			ports = AddPort(ports, port)
		}
		if err := CheckPorts(ports); err != nil {
			t.Fatal(err)
		}
		slices.Sort(given)
		distinct := slices.DeleteFunc(slices.Compact(given), func(port uint16) bool { return port == 0 })
		if want := min(len(distinct), MaxPorts); len(ports) != want {
			t.Fatalf("%d ports, want %d", len(ports), want)
		}
	})
}

func TestWhatIsNoSetOfPortsIsRefused(t *testing.T) {
	for _, ports := range [][]uint16{{0}, {2, 1}, {1, 1}, make([]uint16, MaxPorts+1)} {
		if CheckPorts(ports) == nil {
			t.Errorf("%d ports %v are accepted", len(ports), ports[:min(len(ports), 3)])
		}
	}
}
