// Package query is what people ask the operator: the schema, the handler that serves it and the client that the command
// line uses.
//
// Only a reset changes the map. The room must not change anything else, or the cluster, and it must not draw: it hands out
// edges.
package query

import (
	"context"
	"net/netip"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/identity"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Basis is what the edges of an answer rest on.
type Basis struct {
	Cluster      string    // UID of the namespace kube-system; empty when it is not known
	From, To     time.Time // the time that was watched and is kept; in an answer no edge or change is older than From
	Acknowledged uint64    // sightings that agents delivered
	Dropped      uint64    // sightings that agents lost
	Version      string    // of the operator
	WithoutMap   bool      // the operator keeps no map: who asks for edges is told so, and gets none
	Notes        []string  // what a reader should know, one sentence each: that the map is old, and why
	Shared       bool      // all operators of the cluster keep one map
}

// reaching returns a basis that begins no later than the first of the edges: agents deliver what they saw shortly before the
// operator started.
func (b Basis) reaching(edges []graph.Edge) Basis {
	for i := range edges {
		if first := edges[i].First; !first.IsZero() && first.Before(b.From) {
			b.From = first
		}
	}
	return b
}

// since returns a basis that begins no later than the first of the changes, for the same reason.
func (b Basis) since(changes []graph.Change) Basis {
	for i := range changes {
		if changes[i].At.Before(b.From) {
			b.From = changes[i].At
		}
	}
	return b
}

// Status says how the operator and the agents are.
type Status struct {
	Version    string
	Started    time.Time
	Edges      int
	Synced     bool     // the picture of the cluster is complete
	Leading    bool     // this replica writes to the cluster
	Nodes      []string // all nodes that should have an agent, sorted; none without the map
	Agents     []Agent  // sorted by node
	Refusals   []Refusal
	Intents    int                  // ClientIntents in the cluster
	Failing    int                  // those of them that are not Ready
	Notes      []string             // what else a person should know, one sentence each
	Now        time.Time            // the operator's clock, by which the other times are; the handler sets it
	WithoutMap bool                 // the operator keeps no map, so that no agent reports to it
	Joined     map[string]time.Time // when each of Nodes joined the cluster; older operators do not say
	Store      Store
}

// Store says how the map is kept. The zero Store is that of an operator which does not tell.
type Store struct {
	Kind    string    // memory, sqlite or postgres
	Target  string    // which one, for people, without secrets
	Problem string    // why nothing can be stored at present; empty while all is well
	Since   time.Time // when the problem began
	Notes   []string  // how the store was found, one sentence each
	Began   time.Time // since when the map is kept
	Contact time.Time // when the store answered last
	Waiting int       // batches in the map that are not stored yet
}

// Period is what a question about changes asks for: after From, up to To.
type Period struct{ From, To time.Time }

// Changes is how the edges of a filter changed.
type Changes struct {
	Changes []graph.Change
	Same    int // edges that were there at both ends of the period
}

// SilentAfter is how long an agent may say nothing before it counts as silent. Agents speak at least once a minute.
const SilentAfter = time.Minute

// Agent is what the operator last heard from one node.
type Agent struct {
	Node, Pod, Version    string
	LastSeen              time.Time
	Acknowledged, Dropped uint64
	Skew                  time.Duration // the operator's clock less the agent's, whole milliseconds
	Degraded              []string      // sources that do not run or run with limits, one sentence each
	Blind                 bool          // no source runs: the agent lives and sees nothing
	Notes                 []string      // what else a person should know and is not bad, one sentence each
}

// Refusal says how many sightings of one source became no edge for one reason.
type Refusal struct {
	Reason, Source string
	Count          uint64
	Example        string // the newest one, for people
	Meaning        string // of the reason, for people
}

// Side is whom somebody asks about. Each field that is set is another way to mean it; the zero value means anybody.
type Side struct {
	Workload identity.Workload // or the Service of that name; of any kind and namespace where these are empty
	Host     string            // a DNS name outside the cluster
	Addr     netip.Addr
	Outside  bool // anybody outside the cluster
}

// Missing asks why there is no edge. Port is of the server as the client sees it; 0 means any. Protocol is looked at together
// with it.
type Missing struct {
	From, To Side
	Port     uint16
	Protocol traffic.Protocol
}

// Refused is a sighting that became no edge, for people.
type Refused struct {
	Reason, Source string
	Last           time.Time
	Count          uint64 // how often it was seen
	Sighting       string // what it says
	Meaning        string // of the reason
}

// RefusedLimit is how many refused sightings one answer holds.
const RefusedLimit = 100

// Source answers the questions. It is called from any goroutine, and only Reset may block.
type Source interface {
	Basis() Basis
	Edges(graph.Filter) []graph.Edge             // sorted; the caller owns them
	At(time.Time, graph.Filter) []graph.Edge     // the same, as they were then
	Changes(Period, graph.Filter) Changes        // sorted by edge, then by time
	Labelled([]Label) map[identity.Workload]bool // workloads of which a pod has one of the labels
	Refused(Missing) []Refused                   // the newest first, at most RefusedLimit
	Status() Status
	// Reset clears the edges of those namespaces, or all where there are none, with their history. It returns how many went.
	Reset(ctx context.Context, namespaces []string) (int, error)
}
