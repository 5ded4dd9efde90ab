package verdict

import (
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/traffic"
)

// Edge answers for everything that an edge of the map was seen to do: the worst of its connections. An edge that was only
// looked up is asked about without a port.
func (c *Court) Edge(e graph.Edge) Verdict {
	var worst Verdict
	for i, q := range Questions(e) {
		if v := c.Judge(q); i == 0 || rank(v.Outcome) > rank(worst.Outcome) {
			worst = v
		}
	}
	return worst
}

// Questions returns what an edge asks for, at least one question: one for each port, in the order of the edge's uses. A
// name outside becomes a side whose address is not known.
func Questions(e graph.Edge) []Question {
	base := Question{
		Client: e.Client.Workload, Server: e.Server.Workload, ClientAddr: e.Client.Addr, ServerAddr: e.Server.Addr,
	}
	var all []Question
	for _, seen := range e.Uses {
		if seen.Use.Act != traffic.Connect {
			continue
		}
		q := base
		q.Port, q.Protocol = int32(seen.Use.Port), seen.Use.Protocol
		if seen.TargetPort != 0 {
			q.Port = int32(seen.TargetPort)
		}
		all = append(all, q)
	}
	if len(all) == 0 {
		all = append(all, base)
	}
	return all
}
