package role

import (
	"fmt"

	"github.com/portolan-io/portolan/api/v2beta1"
	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/declared"
)

// mostUnreadable is how many objects that do not decode the status names.
const mostUnreadable = 10

// unreadableNotes says which objects do not decode and why, the first few of them.
func unreadableNotes(all []declared.Unreadable) []string {
	var notes []string
	for _, u := range all[:min(len(all), mostUnreadable)] {
		notes = append(notes, fmt.Sprintf("%s cannot be read: %s (correct or delete it)", u, u.Fault))
	}
	if more := len(all) - mostUnreadable; more > 0 {
		notes = append(notes, fmt.Sprintf("%d more objects cannot be read", more))
	}
	return notes
}

// countIntents returns how many ClientIntents the cluster holds: those of the picture, and those that do not decode. One
// that could be read before is in both.
func countIntents(snapshot *cluster.Snapshot, unreadable []declared.Unreadable) int {
	count := 0
	for _, namespace := range snapshot.Namespaces() {
		if space, known := snapshot.Space(namespace); known {
			count += len(space.Intents())
		}
	}
	for _, u := range unreadable {
		if u.Kind == v2beta1.KindClientIntents && !u.Remembered {
			count++
		}
	}
	return count
}
