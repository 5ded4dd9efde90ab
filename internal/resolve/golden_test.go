package resolve

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/cluster/trim"
	"github.com/portolan-io/portolan/internal/graph"
)

var update = flag.Bool("update", false, "write edges.txt and refused.txt of testdata/*.txtar anew")

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
//	refused.txt   how many sightings of which source were refused for which reason
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			intake := replay(t, archive)
			check(t, archive, "edges.txt", describeEdges(intake.Graph.View(graph.Filter{})))
			check(t, archive, "refused.txt", describeCounts(intake.Ledger.Counts()))
			if *update {
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// replay runs a case: the sightings arrive, the cluster changes, and the time to wait goes by.
func replay(t *testing.T, archive *txtar.Archive) *Intake {
	t.Helper()
	objects := included(t, archive) + part(archive, "cluster.yaml")
	intake := NewIntake(optionsOf(t, part(archive, "options.txt")), graph.New(graph.Limits{}))
	before := snapshotOf(t, objects)
	for line := range strings.Lines(part(archive, "sightings.txt")) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			intake.Take(before, sightingOf(t, line), arrival)
		}
	}
	after := snapshotOf(t, objects+"\n---\n"+part(archive, "later.yaml"))
	intake.Retry(after, arrival.Add(time.Second))
	intake.Retry(after, arrival.Add(DefaultPatience))
	if left := intake.Room.Len(); left != 0 {
		t.Errorf("%d sightings still wait after their time is up", left)
	}
	return intake
}

func snapshotOf(t testing.TB, text string) *cluster.Snapshot {
	t.Helper()
	objects, err := trim.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := trim.FromObjects(objects)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func included(t *testing.T, archive *txtar.Archive) string {
	t.Helper()
	var all strings.Builder
	for name := range strings.FieldsSeq(part(archive, "include")) {
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

func part(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// check compares a part with what came out, or writes it.
func check(t *testing.T, archive *txtar.Archive, name, got string) {
	t.Helper()
	if *update {
		for i := range archive.Files {
			if archive.Files[i].Name == name {
				archive.Files[i].Data = []byte(got)
				return
			}
		}
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(got)})
		return
	}
	if diff := cmp.Diff(got, part(archive, name)); diff != "" {
		t.Errorf("%s (-got +want):\n%s", name, diff)
	}
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
		for mark, set := range map[string]bool{" (hostNetwork)": e.HostNetwork, " (private)": e.Private} {
			if set {
				text.WriteString(mark)
			}
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
