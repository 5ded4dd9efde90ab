package wire

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

var (
	nine      = time.Date(2026, 11, 20, 9, 0, 0, 123456789, time.UTC)
	testAgent = Agent{Node: "node-a", Pod: "portolan-agent-7xk2p", Version: "v0.1.0"}
	addresses = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}), cmpopts.EquateEmpty()}
)

// connection is the i-th of many different connections, seen count times.
func connection(i int, count uint64) traffic.Sighting {
	return traffic.Sighting{
		Source: traffic.SYN, First: nine, Last: nine.Add(time.Second), Count: count,
		From: traffic.Party{Addr: netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})},
		To:   traffic.Party{Addr: netip.MustParseAddr("10.0.0.17"), Port: 8080},
		What: traffic.What{Act: traffic.Connect, Protocol: traffic.TCP},
	}
}

func connections(n int) []traffic.Sighting {
	list := make([]traffic.Sighting, n)
	for i := range list {
		list[i] = connection(i, 1)
	}
	return list
}

// fullSighting has every field of a connection set.
func fullSighting() traffic.Sighting {
	return traffic.Sighting{
		Source: traffic.Socket, First: nine, Last: nine.Add(time.Minute), Count: 7,
		From: traffic.Party{
			Addr: netip.MustParseAddr("fd00::1"), Port: 40000, Name: "client.shop.svc.cluster.local",
			PodUID: "0d5f6c1e-8a57-4f0e-9a7c-1f2f6f2b9b11", Pod: "client-0",
			Workload: identity.Workload{Namespace: "shop", Kind: "StatefulSet", Name: "client"},
		},
		To: traffic.Party{Addr: netip.MustParseAddr("10.0.0.17"), Port: 8080},
		What: traffic.What{
			Act: traffic.Connect, Protocol: traffic.SCTP, Translated: netip.MustParseAddrPort("10.1.0.5:80"),
		},
	}
}

// fullLookup has every field of a lookup set.
func fullLookup() traffic.Sighting {
	return traffic.Sighting{
		Source: traffic.DNS, First: nine, Last: nine, Count: 1, TTL: 30 * time.Second,
		From: traffic.Party{Addr: netip.MustParseAddr("10.1.0.4")},
		To:   traffic.Party{Addr: netip.MustParseAddr("185.53.57.80"), Name: "api.adviceslip.com"},
		What: traffic.What{
			Act: traffic.Lookup, Aliases: "cdn.adviceslip.com edge_1.example.net", Responder: netip.MustParseAddr("10.96.0.10"),
		},
	}
}

// chart is a sink that adds up how often each sighting was accepted. It refuses, panics or fails to store when told to.
type chart struct {
	mu        sync.Mutex
	counts    map[string]uint64
	batches   int
	refusing  error
	panics    bool
	losing    error         // what a receipt says
	elsewhere bool          // somebody else had stored the batch
	stored    chan struct{} // receipts wait until it is closed; nil is closed
}

// Accept implements Sink.
func (c *chart) Accept(b Batch) (Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.panics {
		panic("the chart is on fire")
	}
	if c.refusing != nil {
		return nil, c.refusing
	}
	sightings := b.Sightings
	if c.counts == nil {
		c.counts = make(map[string]uint64)
	}
	for i := range sightings {
		c.counts[keyOf(&sightings[i])] += sightings[i].Count
	}
	c.batches++
	return &receipt{chart: c}, nil
}

// receipt is that of a batch that the chart has.
type receipt struct{ chart *chart }

// Wait implements Receipt.
func (r *receipt) Wait(ctx context.Context) (bool, error) {
	r.chart.mu.Lock()
	losing, elsewhere, stored := r.chart.losing, r.chart.elsewhere, r.chart.stored
	r.chart.mu.Unlock()
	if stored == nil {
		return elsewhere, losing
	}
	select {
	case <-stored:
		return elsewhere, losing
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (c *chart) set(change func(*chart)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
}

// total returns how many sightings were accepted, repeats counted.
func (c *chart) total() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	var sum uint64
	for _, n := range c.counts {
		sum += n
	}
	return sum
}

func keyOf(s *traffic.Sighting) string {
	return fmt.Sprintf("%s %v %v %v", s.Source, s.From, s.To, s.What)
}

// edges returns how many different sightings were accepted.
func (c *chart) edges() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.counts)
}
