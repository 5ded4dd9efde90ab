package role

import (
	"fmt"

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
