package resolve

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/testkit/golden"
)

// TestTimelines holds the cases of testdata/timeline. Each file says in its comment what it shows and has these parts:
//
//	options.txt   one option a line, see optionsOf
//	timeline.txt  what happens, one event a line, in order of time; see play
//	edges.txt     the graph at the end
//	refused.txt   how many sightings of which source were refused for which reason; not there where none was
//	holders.txt   the answers to the questions of the timeline
func TestTimelines(t *testing.T) {
	golden.Each(t, "testdata/timeline/*.txtar", func(t *testing.T, c golden.Case) {
		s := newStory(t, optionsOf(t, c.Part("options.txt")))
		for line := range strings.Lines(c.Part("timeline.txt")) {
			if line, _, _ = strings.Cut(line, "#"); strings.TrimSpace(line) != "" {
				s.play(strings.Fields(line))
			}
		}
		s.Retry(s.snapshot, s.now.Add(DefaultPatience))
		if left := s.Room.Len(); left != 0 {
			t.Errorf("%d sightings still wait after their time is up", left)
		}
		c.Check(t,
			golden.Part{Name: "edges.txt", Text: describeEdges(s.Graph.View(graph.Filter{}))},
			golden.Part{Name: "refused.txt", Text: describeCounts(s.Ledger.Counts())},
			golden.Part{Name: "holders.txt", Text: s.holders.String()})
	})
}

// story is a cluster in which things happen one after the other.
type story struct {
	*Intake

	t        testing.TB
	now      time.Time
	facts    map[string]*cluster.Facts
	nodes    []*cluster.Node
	agents   []string // nodes that have one
	snapshot *cluster.Snapshot
	holders  strings.Builder
}

func newStory(t testing.TB, o Options) *story {
	return &story{
		Intake: NewIntake(o, graph.New(graph.Limits{})), t: t, now: t0, facts: make(map[string]*cluster.Facts), snapshot: cluster.Empty(),
	}
}

// play lets one event happen, at a time that counts from t0:
//
//	+0s  pod shop/cart-0 10.0.0.7 of Deployment/cart   a pod comes or changes, see readPod
//	+0s  service cart 10.96.0.7 port 80>8080 behind cart-0   a Service comes or changes, see readService
//	+0s  node n1 192.168.1.1 range 10.0.0.0/24         a node comes or changes
//	+0s  ranges 10.96.0.0/16                           the API server tells where ClusterIPs come from
//	+5s  gone pod shop/cart-0                          a pod, service or node goes
//	+7s  syn +6s 10.0.0.7 -> 10.96.0.7:80 by n1        a sighting of +6s arrives, from the agent of n1; see sightingOf
//	+8s  who 10.0.0.7 at +3s                           asks who held an address
//	+8s  agents n1 n2                                  the nodes that have an agent
//	+9s  expire                                        what ended too long ago is forgotten
//	+9s  tick                                          nothing but time
//
// Names without a namespace are in shop.
func (s *story) play(words []string) {
	s.t.Helper()
	s.now = timeOf(s.t, words[0])
	what, rest := words[1], words[2:]
	switch what {
	case "pod":
		s.setPod(rest)
	case "service":
		s.setService(rest)
	case "node":
		s.setNode(rest)
	case "ranges":
		s.snapshot = s.snapshot.WithServiceRanges(prefixesOf(s.t, rest))
	case "gone":
		s.remove(rest[0], rest[1])
	case "who":
		s.ask(rest)
	case "agents":
		s.agents = rest
	case "expire":
		s.snapshot = s.snapshot.Expired(s.now)
	case "tick":
	default:
		s.arrive(words[1:])
	}
	s.Retry(s.snapshot, s.now)
}

// arrive takes a sighting in.
func (s *story) arrive(words []string) {
	s.t.Helper()
	d := Delivery{Watched: func(node string) bool { return slices.Contains(s.agents, node) }}
	if n := len(words); words[n-2] == "by" {
		d.Node, words = words[n-1], words[:n-2]
	}
	d.Sighting = sightingOf(s.t, strings.Join(words, " "))
	s.TakeFrom(s.snapshot, d, s.now)
}

// ask writes down who held an address at a time.
func (s *story) ask(words []string) {
	s.t.Helper()
	lease, holders := s.snapshot.Holder(netip.MustParseAddr(words[0]), timeOf(s.t, words[2]))
	answer := "nobody"
	switch {
	case holders == 1:
		answer = lease.Pod.Name
	case holders > 1:
		answer = fmt.Sprintf("%d pods", holders)
	}
	fmt.Fprintf(&s.holders, "%s at %s, asked at +%s: %s\n", words[0], words[2], s.now.Sub(t0), answer)
}

// space returns the facts of the namespace of a name, and the name in it.
func (s *story) space(full string) (*cluster.Facts, string) {
	namespace, name, qualified := strings.Cut(full, "/")
	if !qualified {
		namespace, name = "shop", full
	}
	if s.facts[namespace] == nil {
		s.facts[namespace] = &cluster.Facts{Namespace: namespace}
	}
	return s.facts[namespace], name
}

// publish makes the snapshot of now.
func (s *story) publish(f *cluster.Facts) {
	before, _ := s.snapshot.Space(f.Namespace)
	s.snapshot = s.snapshot.WithSpace(before.With(*f, cluster.Everything), s.now)
}

func (s *story) remove(kind, full string) {
	s.t.Helper()
	f, name := s.space(full)
	switch kind {
	case "pod":
		f.Pods = without(f.Pods, func(p *cluster.Pod) bool { return p.Name == name })
	case "service":
		f.Services = without(f.Services, func(o *cluster.Service) bool { return o.Name == name })
		f.Slices = without(f.Slices, func(e *cluster.EndpointSlice) bool { return e.Service == name })
		f.Endpoints = without(f.Endpoints, func(e *cluster.EndpointSlice) bool { return e.Service == name })
	case "node":
		s.nodes = without(s.nodes, func(n *cluster.Node) bool { return n.Name == full })
		s.snapshot = s.snapshot.WithNodes(s.nodes, s.now)
		return
	default:
		s.t.Fatalf("gone %s: want pod, service or node", kind)
	}
	s.publish(f)
}

// without returns a new list, since the old one belongs to an older snapshot.
func without[T any](list []T, is func(T) bool) []T {
	var kept []T
	for _, item := range list {
		if !is(item) {
			kept = append(kept, item)
		}
	}
	return kept
}
