package role

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/portolan-io/portolan/internal/cluster"
	"github.com/portolan-io/portolan/internal/export/document"
	"github.com/portolan-io/portolan/internal/graph"
	"github.com/portolan-io/portolan/internal/resolve"
	"github.com/portolan-io/portolan/internal/traffic"
)

// ReplayOptions is everything a replay can be told. Each list names files; Objects also names folders of files.
type ReplayOptions struct {
	Objects   []string // Kubernetes objects as YAML or JSON, as kubectl get -o yaml prints them
	Captures  []string // pcap or pcapng
	Sightings []string // one JSON object a line, as the agent's --dump writes them
	Sockets   []string // /proc/net/tcp and tcp6 of one network namespace in one file; the file's time is theirs

	ClusterDomains    []string // empty means cluster.local
	ExcludeNamespaces []string
}

// Validate returns one error per wrong field, joined.
func (o ReplayOptions) Validate() error {
	errs := []error{o.resolving().Validate()}
	if len(o.Objects) == 0 {
		errs = append(errs, errors.New("objects: without the cluster's objects nobody can be named; save them with "+
			"kubectl get pods,services,endpointslices,nodes,namespaces,deployments,replicasets,statefulsets,daemonsets,jobs,cronjobs -A -o yaml"))
	}
	if len(o.Captures)+len(o.Sightings)+len(o.Sockets) == 0 {
		errs = append(errs, errors.New("there is nothing to replay: give --pcap, --sightings or --sockets"))
	}
	return errors.Join(errs...)
}

func (o ReplayOptions) resolving() resolve.Options {
	r := resolve.DefaultOptions()
	r.ExcludedNamespaces = o.ExcludeNamespaces
	if len(o.ClusterDomains) > 0 {
		r.ClusterDomains = o.ClusterDomains
	}
	return r
}

// Replay plays the line without a cluster: what was recorded comes in, the clock is that of the records.
//
//	captures ─▶ dns, syn ─▶ window ─┐
//	socket tables ──────────────────┼▶ by time ─▶ resolve ─▶ graph ─▶ the map, and what became no edge
//	sightings ──────────────────────┘               ▲
//	objects ─▶ snapshot ────────────────────────────┘
func Replay(o ReplayOptions) (document.Map, error) {
	snapshot, err := readObjects(o.Objects)
	if err != nil {
		return document.Map{}, err
	}
	seen, err := o.record()
	if err != nil {
		return document.Map{}, err
	}
	slices.SortStableFunc(seen.sightings, func(a, b traffic.Sighting) int { return cmp.Or(a.Last.Compare(b.Last), a.First.Compare(b.First)) })
	g := graph.New(graph.DefaultLimits())
	intake := resolve.NewIntake(o.resolving(), g)
	window := take(intake, snapshot, seen.sightings)
	for _, l := range seen.lost {
		window.Dropped += l.Count
	}
	return document.Map{
		Window: window, Edges: g.View(graph.Filter{}), Dropped: append(droppedBy(intake.Ledger), seen.lost...),
	}, nil
}

// take gives sightings to the intake in the order of their times, which are its clock, and returns the time that they
// span.
func take(intake *resolve.Intake, snapshot *cluster.Snapshot, sightings []traffic.Sighting) document.Window {
	if len(sightings) == 0 {
		return document.Window{}
	}
	window := document.Window{From: sightings[0].First, To: sightings[len(sightings)-1].Last}
	tried := window.From
	for _, s := range sightings {
		if s.First.Before(window.From) {
			window.From = s.First
		}
		if s.Last.Sub(tried) >= retryEvery {
			tried = s.Last
			intake.Retry(snapshot, tried)
		}
		intake.Take(snapshot, s, s.Last)
		window.Acknowledged += s.Count
	}
	intake.Retry(snapshot, window.To.Add(resolve.DefaultPatience))
	return window
}

// droppedBy returns what a ledger holds.
func droppedBy(l *resolve.Ledger) []document.Dropped {
	var all []document.Dropped
	for _, count := range l.Counts() {
		all = append(all, document.Dropped{
			Reason: string(count.Reason), Source: string(count.Source), Count: count.Count,
			Example: resolve.Describe(count.Newest),
		})
	}
	return all
}

// drain empties a window every few seconds of a capture's time, so that a sighting does not fold what is far apart.
type drain struct {
	window *traffic.Window
	into   *[]traffic.Sighting
	next   time.Time
}

// foldFor is how long repeats in a capture are folded into one sighting, as an agent does between two batches.
const foldFor = 5 * time.Second
