package role

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/query"
	"github.com/portolan-io/portolan/internal/wire"
)

// What an agent does for its node, as metrics name it.
const (
	reporting = "reporting" // it was heard lately, and a source of it runs
	blind     = "blind"     // it was heard lately, and none of its sources runs
	silent    = "silent"    // it was not heard lately
	missing   = "missing"   // the node has no agent, or none that was heard within a day
)

// sight is how one node is seen.
type sight struct {
	node         string
	state        string
	completeness float64 // of what the node's agent saw; it means nothing where the agent is missing
	acknowledged float64 // sightings of that agent that are in the map
	dropped      float64 // sightings that it lost
}

// coverage returns how each node is seen, in the order of nodes. Agents of nodes that are gone are left out.
func coverage(nodes []*cluster.Node, agents []wire.AgentState, now time.Time) []sight {
	heard := make(map[string]wire.AgentState, len(agents))
	for _, agent := range agents {
		heard[agent.Node] = agent
	}
	sights := make([]sight, 0, len(nodes))
	for _, node := range nodes {
		agent, known := heard[node.Name]
		s := sight{
			node: node.Name, state: reporting, completeness: agent.Completeness(),
			acknowledged: float64(agent.Acknowledged), dropped: float64(agent.Dropped()),
		}
		switch {
		case !known:
			s.state = missing
		case now.Sub(agent.LastSeen) > query.SilentAfter:
			s.state = silent
		case agent.Blind():
			s.state = blind
		}
		sights = append(sights, s)
	}
	return sights
}

// completenessOf returns how much of what was seen on all nodes is in the map, from 0 to 1; 1 while nothing was seen at all.
// What nobody sees cannot be counted: the states of the agents tell of that.
func completenessOf(sights []sight) float64 {
	var acknowledged, dropped float64
	for _, s := range sights {
		acknowledged += s.acknowledged
		dropped += s.dropped
	}
	if acknowledged+dropped == 0 {
		return 1
	}
	return acknowledged / (acknowledged + dropped)
}

// coverageMetrics tell how the nodes are seen.
func coverageMetrics(seen func() []sight) prometheus.Collector {
	agents := prometheus.NewDesc("portolan_agents", "Nodes by what their agent does: reporting, blind (none of its sources runs), silent for a minute, or missing.", []string{"state"}, nil)
	nodes := prometheus.NewDesc("portolan_map_node_seen", "1 if the agent of the node is reporting, else 0.", []string{"node"}, nil)
	completeness := prometheus.NewDesc("portolan_map_completeness_ratio", "Sightings acknowledged, of all that the agent of a node saw; 0 if none of its sources runs.", []string{"node"}, nil)
	total := prometheus.NewDesc("portolan_map_completeness_total_ratio", "Sightings acknowledged, of all that the agents saw.", nil, nil)
	return pulled{
		describe: []*prometheus.Desc{agents, nodes, completeness, total},
		collect: func(out chan<- prometheus.Metric) {
			states := map[string]int{reporting: 0, blind: 0, silent: 0, missing: 0}
			sights := seen()
			out <- gauge(total, completenessOf(sights))
			for _, s := range sights {
				states[s.state]++
				out <- gauge(nodes, truth(s.state == reporting), s.node)
				if s.state != missing {
					out <- gauge(completeness, s.completeness, s.node)
				}
			}
			for state, n := range states {
				out <- gauge(agents, float64(n), state)
			}
		},
	}
}
