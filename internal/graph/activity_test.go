package graph

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// happened is what one window of an edge holds.
type happened struct {
	lookups int
	ports   []uint16
}

// activityOf plays windows one after the other and returns the activity after each.
func activityOf(t *testing.T, windows ...happened) []Activity {
	t.Helper()
	g := New(Limits{})
	client, server := inside("shop", "frontend"), inside("shop", "cart")
	var all []Activity
	for _, w := range windows {
		for range w.lookups {
			mergeAll(t, g, lookedUp(client, server, "cart.shop.svc", 0))
		}
		if len(w.ports) > 0 {
			o := connected(client, server, 80, 0)
			o.Caller, o.Ports = netip.MustParseAddr("10.1.0.4"), w.ports
			mergeAll(t, g, o)
		}
		g.Roll()
		if view := g.View(Filter{}); len(view) > 0 {
			all = append(all, view[0].Activity)
		}
	}
	return all
}

func many(n int) (ports []uint16) {
	for i := range n {
		ports = append(ports, uint16(i+1))
	}
	return ports
}

func TestActivityOfWindows(t *testing.T) {
	for name, tc := range map[string]struct {
		windows []happened
		want    Activity // after the last
	}{
		"ports win over lookups (X26)":                 {[]happened{{lookups: 2, ports: []uint16{3}}}, Activity{Current: 1, Added: 1, Ports: true}},
		"ports are compared with those before (X27)":   {[]happened{{ports: []uint16{1, 10, 100}}, {ports: []uint16{100, 200}}}, Activity{Current: 2, Added: 1, Removed: 2, Ports: true}},
		"without ports lookups are counted":            {[]happened{{lookups: 3}}, Activity{Current: 3, Added: 3}},
		"lookups are all new, and those before gone":   {[]happened{{lookups: 3}, {lookups: 2}}, Activity{Current: 2, Added: 2, Removed: 3}},
		"ports after lookups are not compared":         {[]happened{{lookups: 3}, {ports: []uint16{7, 8}}}, Activity{Current: 2, Added: 2, Removed: 3, Ports: true}},
		"lookups after ports are not compared":         {[]happened{{ports: []uint16{7, 8}}, {lookups: 1}}, Activity{Current: 1, Added: 1, Removed: 2}},
		"what stays is neither added nor removed":      {[]happened{{ports: []uint16{7, 8}}, {ports: []uint16{7, 8}}}, Activity{Current: 2, Ports: true}},
		"a window without anything has removed it all": {[]happened{{ports: []uint16{7, 8}}, {}}, Activity{Removed: 2}},
		"two windows without anything say nothing":     {[]happened{{ports: []uint16{7, 8}}, {}, {}}, Activity{}},
		"256 connections are told apart":               {[]happened{{ports: many(256)}}, Activity{Current: 256, Added: 256, Ports: true}},
		"more are not, and that is said":               {[]happened{{ports: many(257)}}, Activity{Current: 256, Added: 256, Ports: true, Saturated: true}},
	} {
		t.Run(name, func(t *testing.T) {
			all := activityOf(t, tc.windows...)
			if diff := cmp.Diff(all[len(all)-1], tc.want); diff != "" {
				t.Errorf("activity (-got +want):\n%s", diff)
			}
		})
	}
}

func TestReplicasWithEqualPortsAreSeveralConnections(t *testing.T) {
	g := New(Limits{})
	for _, addr := range []string{"10.1.0.4", "10.1.0.5", "10.1.0.4"} {
		o := connected(inside("shop", "frontend"), inside("shop", "cart"), 80, 0)
		o.Caller, o.Ports = netip.MustParseAddr(addr), []uint16{40000}
		mergeAll(t, g, o)
	}
	g.Roll()
	if got := g.View(Filter{})[0].Activity.Current; got != 2 {
		t.Errorf("%d connections, want one of each of the two addresses", got)
	}
}

func TestWindowsGiveTheirMemoryBack(t *testing.T) {
	g := New(Limits{})
	o := connected(inside("shop", "frontend"), inside("shop", "cart"), 80, 0)
	o.Caller, o.Ports = netip.MustParseAddr("10.1.0.4"), many(300)
	mergeAll(t, g, o)
	for range 3 {
		g.Roll()
	}
	key := pair{client: o.Client, server: o.Server}
	g.with(&key, func(e *entry) {
		if e.activity != nil {
			t.Error("an edge on which nothing happens keeps its ports")
		}
	})
}

func TestWhatAStoreHadIsNoActivity(t *testing.T) {
	g := New(Limits{})
	for _, e := range shop(t).View(Filter{}) {
		g.Restore(e)
		g.Adopt(e)
	}
	g.Roll()
	for _, e := range g.View(Filter{}) {
		if e.Activity != (Activity{}) {
			t.Errorf("%s -> %s has activity %+v", e.Client, e.Server, e.Activity)
		}
	}
}
