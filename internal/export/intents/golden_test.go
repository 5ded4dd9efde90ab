package intents

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/portolan-io/portolan/internal/testkit/golden"
)

// TestGolden runs every story in testdata: edges.txt and options.txt in, intents.yaml, files.txt and left.txt out.
func TestGolden(t *testing.T) {
	golden.Each(t, "testdata/*.txtar", func(t *testing.T, c golden.Case) {
		c.Check(t, play(t, c.Part("edges.txt"), c.Part("options.txt"))...)
	})
}

func play(t *testing.T, edges, options string) []golden.Part {
	t.Helper()
	seen := parseEdges(t, edges)
	words := strings.Fields(options)
	o := Options{AsServices: slices.Contains(words, "services"), WithInternet: slices.Contains(words, "internet"), DNS: DNSServers(seen)}
	var header *Header
	if slices.Contains(words, "header") {
		header = sampleHeader()
	}
	objects, left := Declare(seen, o)
	var text bytes.Buffer
	if err := Marshal(&text, objects, header); err != nil {
		t.Fatal(err)
	}
	var files, rest strings.Builder
	for _, name := range FileNames(objects) {
		fmt.Fprintln(&files, name)
	}
	for _, l := range left {
		fmt.Fprintf(&rest, "%s -> %s: %s\n", l.Client, l.Server, l.Why)
	}
	return []golden.Part{
		{Name: "intents.yaml", Text: text.String()},
		{Name: "files.txt", Text: files.String()},
		{Name: "left.txt", Text: rest.String()},
	}
}
