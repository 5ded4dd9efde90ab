package document

import (
	"encoding/json"
	"io"
	"time"

	"github.com/portolan-io/portolan/internal/graph"
)

// DiffSchema is the value of the field schema of a comparison.
const DiffSchema = "portolan.diff/v1"

// Diff is how the map changed between two times.
type Diff struct {
	Cluster  string
	Window   Window // what the map rests on
	From, To time.Time
	Changes  []graph.Change
	Same     int // edges that were there at both times
}

// Count returns how many edges appeared or returned, and how many vanished.
func (d Diff) Count() (appeared, vanished int) {
	for _, c := range d.Changes {
		if c.Turn == graph.Vanished {
			vanished++
		}
	}
	return len(d.Changes) - vanished, vanished
}

type diff struct {
	Schema  string    `json:"schema"`
	Cluster string    `json:"cluster,omitempty"`
	Window  Window    `json:"window"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Added   []change  `json:"added"`
	Removed []change  `json:"removed"`
	Same    int       `json:"same"`
}

type change struct {
	edge

	Turn graph.Turn `json:"turn"`
	At   time.Time  `json:"at"`
}

// WriteDiff writes a comparison, indented by two blanks: edges that appeared or returned are added, those that vanished are
// removed. Equal comparisons give equal bytes.
func WriteDiff(w io.Writer, d Diff) error {
	out := diff{
		Schema: DiffSchema, Cluster: d.Cluster, Window: d.Window, From: d.From.UTC(), To: d.To.UTC(),
		Added: []change{}, Removed: []change{}, Same: d.Same,
	}
	out.Window.From, out.Window.To = out.Window.From.UTC(), out.Window.To.UTC()
	for _, c := range d.Changes {
		written := change{edge: toEdge(c.Edge), Turn: c.Turn, At: c.At.UTC()}
		if c.Turn == graph.Vanished {
			out.Removed = append(out.Removed, written)
		} else {
			out.Added = append(out.Added, written)
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}
