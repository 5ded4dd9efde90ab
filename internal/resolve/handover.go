package resolve

import (
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/graph"
)

// handsOver reports whether one pod held an address at the sighting's first moment and another one at its last.
//
//	          First                     Last
//	            |------ sighting ---------|
//	--- pod a ------>|        |--- pod b -------
func (l *look) handsOver(leases []cluster.Lease) bool {
	s := l.sighting
	if s.First.Equal(s.Last) {
		return false
	}
	before, known := moment{s.First, 0}.heldBy(leases, "")
	if known != Resolved {
		return false
	}
	after, known := moment{s.Last, 0}.heldBy(leases, "")
	return known == Resolved && after.Pod.UID != before.Pod.UID
}

// bothEnds returns what a folded sighting says whose address changed hands meanwhile: both of its ends are moments at which
// something was seen, and what was between them is counted with the last. found is what is known of the last.
func (l *look) bothEnds(d *Delivery, found []graph.Observation) []graph.Observation {
	whole := *l.sighting
	for i := range found {
		found[i].First = whole.Last
		if found[i].Count > 0 { // it is not counted elsewhere
			found[i].Count = max(whole.Count-1, 1)
		}
	}
	first := whole
	first.Last, first.Count = whole.First, 1
	earlier := look{scene: l.scene, sighting: &first}
	if more, reason := earlier.resolve(d); reason == Resolved {
		return append(more, found...)
	}
	return found
}
