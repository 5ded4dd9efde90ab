package resolve

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/trim"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/testkit/golden"
)

// t0 is the creation time of the objects in testdata. Sightings arrive, all at once, 100 seconds later.
var (
	t0      = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	arrival = t0.Add(100 * time.Second)
)

// TestGolden holds the cases of testdata. Each file says in its comment what it shows and has these parts:
//
//	include       names of files in testdata/shared whose objects are in the cluster too
//	cluster.yaml  Kubernetes objects
//	options.txt   one option a line, see optionsOf
//	sightings.txt one sighting a line, see sightingOf
//	later.yaml    objects that appear after the sightings arrived, and before their time to wait is over
//	edges.txt     the graph at the end
//	refused.txt   how many sightings of which source were refused for which reason; not there where none was
func TestGolden(t *testing.T) {
	golden.Each(t, "testdata/*.txtar", func(t *testing.T, c golden.Case) {
		intake := replay(t, c)
		c.Check(t,
			golden.Part{Name: "edges.txt", Text: describeEdges(intake.Graph.View(graph.Filter{}))},
			golden.Part{Name: "refused.txt", Text: describeCounts(intake.Ledger.Counts())})
	})
}

// replay runs a case: the sightings arrive, the cluster changes, and the time to wait goes by.
func replay(t *testing.T, c golden.Case) *Intake {
	t.Helper()
	objects := included(t, c) + c.Part("cluster.yaml")
	intake := NewIntake(optionsOf(t, c.Part("options.txt")), graph.New(graph.Limits{}))
	reading := readingOf(c.Part("options.txt"))
	before := snapshotOf(t, objects, reading)
	for line := range strings.Lines(c.Part("sightings.txt")) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			intake.Take(before, sightingOf(t, line), arrival)
		}
	}
	after := snapshotOf(t, objects+"\n---\n"+c.Part("later.yaml"), reading)
	intake.Retry(after, arrival.Add(time.Second))
	intake.Retry(after, arrival.Add(DefaultPatience))
	if left := intake.Room.Len(); left != 0 {
		t.Errorf("%d sightings still wait after their time is up", left)
	}
	return intake
}

func snapshotOf(t testing.TB, text string, o trim.Options) *cluster.Snapshot {
	t.Helper()
	objects, err := trim.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := o.FromObjects(objects)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func included(t *testing.T, c golden.Case) string {
	t.Helper()
	var all strings.Builder
	for name := range strings.FieldsSeq(c.Part("include")) {
		all.WriteString(sharedFile(t, name) + "\n---\n")
	}
	return all.String()
}

func sharedFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "shared", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// describeEdges writes each edge on a line, and its uses below it:
//
//	shop/Deployment/frontend -> shop/Deployment/cart via cart, basket (hostNetwork)
//	  connect 80/TCP to pod port 8080: syn 2
func describeEdges(edges []graph.Edge) string {
	var text strings.Builder
	for _, e := range edges {
		fmt.Fprintf(&text, "%s -> %s", e.Client, e.Server)
		if len(e.Services) > 0 {
			fmt.Fprintf(&text, " via %s", strings.Join(e.Services, ", "))
		}
		if e.HostNetwork {
			text.WriteString(" (hostNetwork)")
		}
		if e.Private {
			text.WriteString(" (private)")
		}
		text.WriteByte('\n')
		for _, seen := range e.Uses {
			text.WriteString("  " + describeUse(seen) + "\n")
		}
	}
	return text.String()
}

func describeUse(seen graph.Seen) string {
	use := fmt.Sprintf("%s %d/%s", seen.Use.Act, seen.Use.Port, seen.Use.Protocol)
	if seen.Use.Name != "" {
		use = fmt.Sprintf("%s %s", seen.Use.Act, seen.Use.Name)
	}
	if seen.TargetPort != 0 {
		use += fmt.Sprintf(" to pod port %d", seen.TargetPort)
	}
	var evidence []string
	for _, v := range seen.Evidence {
		evidence = append(evidence, fmt.Sprintf("%s %d", v.Source, v.Count))
	}
	return use + ": " + strings.Join(evidence, ", ")
}

func describeCounts(counts []Count) string {
	var text strings.Builder
	for _, c := range counts {
		fmt.Fprintf(&text, "%s %s %d\n", c.Reason, c.Source, c.Count)
	}
	return text.String()
}
